package cli

import (
	"github.com/spf13/pflag"

	"github.com/treenode/treenode/cmd/treenode/internal/server"
)

// Bounds of the flags about the audit: a pebibyte at most.
const (
	auditMiBMax   = 1 << 20
	auditFilesMax = 1 << 10
)

// auditFlags are the flags of serve that are about the audit.
type auditFlags struct {
	dir     string
	fileMiB int64
	files   int
}

func (a *auditFlags) add(f *pflag.FlagSet) {
	f.StringVar(&a.dir, "audit-dir", "", "directory for the audit: every change and who asked for it; made if missing (default: no audit is kept)")
	f.Int64Var(&a.fileMiB, "audit-file-mib", 64, "MiB after which the audit goes on in a new file")
	f.IntVar(&a.files, "audit-files", 16, "how many files of the audit are kept")
}

// apply checks the flags and hands them on.
func (a *auditFlags) apply(c *server.Config) error {
	if a.fileMiB < 1 || a.fileMiB > auditMiBMax {
		return usage("audit-file-mib: %d is not from 1 to %d", a.fileMiB, auditMiBMax)
	}
	if a.files < 1 || a.files > auditFilesMax {
		return usage("audit-files: %d is not from 1 to %d", a.files, auditFilesMax)
	}
	c.AuditDir, c.AuditFileBytes, c.AuditFiles = a.dir, a.fileMiB<<20, a.files
	return nil
}
