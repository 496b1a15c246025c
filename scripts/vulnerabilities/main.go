// Command vulnerabilities looks for known vulnerabilities in what the program
// calls, with govulncheck.
//
// The database is that of vuln.go.dev, taken as a Go module (golang.org/x/vulndb):
// so its state is pinned as any dependency is, and the module proxy is all the
// network that it needs. The standard library that is judged is the one of the
// toolchain that go.mod names, with which releases are built.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	govulncheck = "golang.org/x/vuln/cmd/govulncheck"
	scanner     = "v1.9.0"
	vulndb      = "golang.org/x/vulndb"
)

func main() {
	database := flag.String("database", "v0.0.0-20261105234957-e22db6528018", "version of the module "+vulndb+"; latest for the newest")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "Usage: go run ./scripts/vulnerabilities [-database VERSION] [PACKAGES]\n\n"+
			"Exit codes: 0 none known, 1 some, or it can't be told.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	packages := flag.Args()
	if len(packages) == 0 {
		packages = []string{"./..."}
	}
	if err := run(*database, packages); err != nil {
		fmt.Fprintln(os.Stderr, "vulnerabilities:", err)
		os.Exit(1)
	}
}

func run(version string, packages []string) error {
	toolchain, err := toolchainOf()
	if err != nil {
		return err
	}
	tools, err := filepath.Abs("dist/tools")
	if err != nil {
		return err
	}
	install := exec.Command("go", "install", govulncheck+"@"+scanner)
	install.Env = append(os.Environ(), "GOBIN="+tools, "GOFLAGS=")
	install.Stdout, install.Stderr = os.Stderr, os.Stderr
	if err := install.Run(); err != nil {
		return fmt.Errorf("install %s: %w", govulncheck, err)
	}
	entries, version, err := download(version)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "vulnerabilities")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // below the system's temporary directory
	count, err := index(entries, dir)
	if err != nil {
		return err
	}
	scan := exec.Command(filepath.Join(tools, "govulncheck"), append([]string{"-db", "file://" + dir}, packages...)...) //nolint:gosec // what was just installed, and the caller's packages
	scan.Env = append(os.Environ(), "GOTOOLCHAIN="+toolchain)
	scan.Stdout, scan.Stderr = os.Stdout, os.Stderr
	if err := scan.Run(); err != nil {
		return fmt.Errorf("govulncheck: %w", err)
	}
	fmt.Printf("nothing known of what %s calls, with %s: %d reports of %s looked through\n", strings.Join(packages, " "), toolchain, count, version)
	return nil
}

func toolchainOf() (string, error) {
	var mod struct{ Toolchain string }
	out, err := exec.Command("go", "mod", "edit", "-json").Output()
	if err != nil {
		return "", fmt.Errorf("go mod edit: %w", err)
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		return "", err
	}
	if mod.Toolchain == "" {
		return "", errors.New("go.mod names no toolchain")
	}
	return mod.Toolchain, nil
}

// download returns where the reports are, one file each, and of which version.
func download(version string) (dir, found string, err error) {
	var errs bytes.Buffer
	get := exec.Command("go", "mod", "download", "-json", vulndb+"@"+version) //nolint:gosec // a version that the caller gives
	get.Dir = os.TempDir()                                                    // outside of this module, which does not need it
	get.Env = append(os.Environ(), "GOFLAGS=")
	get.Stderr = &errs
	out, err := get.Output()
	var m struct{ Dir, Version, Error string }
	if err := json.Unmarshal(out, &m); err != nil || m.Dir == "" {
		return "", "", fmt.Errorf("the database can't be had: %s%s", m.Error, errs.String())
	}
	if err != nil {
		return "", "", fmt.Errorf("the database can't be had: %w", err)
	}
	return filepath.Join(m.Dir, "data", "osv"), m.Version, nil
}

// report is what the index needs of a report in OSV's form (ossf.github.io/osv-schema).
type report struct {
	ID       string    `json:"id"`
	Modified time.Time `json:"modified"`
	Aliases  []string  `json:"aliases"`
	Affected []struct {
		Package struct {
			Name string `json:"name"`
		} `json:"package"`
	} `json:"affected"`
}

type indexed struct {
	ID       string    `json:"id"`
	Modified time.Time `json:"modified"`
	Aliases  []string  `json:"aliases,omitempty"`
}

type module struct {
	Path  string    `json:"path"`
	Vulns []indexed `json:"vulns"`
}

// index writes the reports as a database of version 1 (go.dev/security/vuln/database)
// and returns how many there are. Of an index by versions, which saves a client
// that asks over the network some questions, it has none.
func index(from, to string) (int, error) {
	paths, err := filepath.Glob(filepath.Join(from, "*.json"))
	if err != nil {
		return 0, err
	}
	if len(paths) == 0 {
		return 0, fmt.Errorf("there are no reports in %s", from)
	}
	for _, dir := range []string{"ID", "index"} {
		if err := os.MkdirAll(filepath.Join(to, dir), 0o700); err != nil {
			return 0, err
		}
	}
	var newest time.Time
	var all []indexed
	modules := map[string][]indexed{}
	for _, path := range paths {
		r, err := copied(path, filepath.Join(to, "ID", filepath.Base(path)))
		if err != nil {
			return 0, err
		}
		if r.Modified.After(newest) {
			newest = r.Modified
		}
		all = append(all, indexed{r.ID, r.Modified, r.Aliases})
		for _, a := range r.Affected {
			of := modules[a.Package.Name]
			if len(of) == 0 || of[len(of)-1].ID != r.ID {
				modules[a.Package.Name] = append(of, indexed{ID: r.ID, Modified: r.Modified})
			}
		}
	}
	var byModule []module
	for path, vulns := range modules {
		byModule = append(byModule, module{path, vulns})
	}
	for name, content := range map[string]any{
		"db": map[string]time.Time{"modified": newest}, "modules": byModule, "vulns": all,
	} {
		text, err := json.Marshal(content)
		if err != nil {
			return 0, err
		}
		if err := os.WriteFile(filepath.Join(to, "index", name+".json"), text, 0o600); err != nil {
			return 0, err
		}
	}
	return len(all), nil
}

// copied copies a report and returns what the index needs of it.
func copied(from, to string) (r report, err error) {
	f, err := os.Open(from)
	if err != nil {
		return r, err
	}
	text, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%s: %w", from, err)
	}
	return r, os.WriteFile(to, text, 0o600)
}
