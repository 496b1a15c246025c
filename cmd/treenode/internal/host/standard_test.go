package host

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// standardNames reads the standard resource classes and traits.
func standardNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, file := range []string{"resource_classes.txt", "traits.txt"} {
		data, err := os.ReadFile("../../../../fsm/tree/standard/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range strings.Fields(string(data)) {
			names[name] = true
		}
	}
	if !names["VCPU"] || !names["HW_NUMA_ROOT"] {
		t.Fatal("the lists lack VCPU or HW_NUMA_ROOT")
	}
	return names
}

// Every name in the code that could be a class's or a trait's is a standard
// one, so that no tree ever has a name that the store does not know.
func TestNamesAreStandard(t *testing.T) {
	known := standardNames(t)
	looksLikeOne := regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`)
	parsed, err := parser.ParseDir(token.NewFileSet(), ".", func(f fs.FileInfo) bool { //nolint:staticcheck // build tags do not matter
		return !strings.HasSuffix(f.Name(), "_test.go")
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	ast.Inspect(parsed["host"], func(n ast.Node) bool {
		literal, is := n.(*ast.BasicLit)
		if !is || literal.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		if looksLikeOne.MatchString(text) {
			found[text] = true
		}
		return true
	})
	delete(found, "QEMU")   // makers of display adapters
	delete(found, "ASPEED") //
	delete(found, "QXL")    //
	for name := range found {
		if !known[name] {
			t.Errorf("%s is no standard class or trait", name)
		}
	}
	for _, list := range [][]cpuTrait{x86Traits, aarch64Traits} {
		for _, entry := range list {
			if !found[entry.trait] {
				t.Errorf("the walk over the code missed %s", entry.trait)
			}
		}
	}
}

func TestCPUTraits(t *testing.T) {
	for _, c := range []struct{ arch, vendor, flags, want string }{
		{"x86_64", vendorAMD, "aes lm svm", "HW_ARCH_X86_64 HW_CPU_X86_AESNI HW_CPU_X86_AMD_SVM HW_CPU_X86_SVM"},
		{"x86_64", vendorIntel, "pcid vmx", "HW_ARCH_X86_64 HW_CPU_X86_INTEL_PCID HW_CPU_X86_INTEL_VMX HW_CPU_X86_VMX"},
		{"x86_64", vendorAMD, "pcid ssbd", "HW_ARCH_X86_64"},
		{"x86_64", vendorAMD, "ibpb ibrs", "HW_ARCH_X86_64 HW_CPU_X86_AMD_IBPB"},
		{"x86_64", vendorIntel, "ibpb ibrs", "HW_ARCH_X86_64 HW_CPU_X86_INTEL_SPEC_CTRL"},
		{"x86_64", vendorIntel, "ibpb", "HW_ARCH_X86_64"},
		{"x86_64", vendorIntel, "gfni vaes vpclmulqdq", "HW_ARCH_X86_64"}, // without AVX-512, as in small cores
		{"x86_64", vendorIntel, "avx512f gfni", "HW_ARCH_X86_64 HW_CPU_X86_AVX512F HW_CPU_X86_AVX512GFNI"},
		{"x86_64", vendorIntel, "pclmulqdq pni sse4_1 sse4_2", "HW_ARCH_X86_64 HW_CPU_X86_CLMUL HW_CPU_X86_SSE3 HW_CPU_X86_SSE41 HW_CPU_X86_SSE42"},
		{"x86_64", vendorAMD, "sev sev_snp", "HW_ARCH_X86_64 HW_CPU_AMD_SEV HW_CPU_X86_AMD_SEV HW_CPU_X86_AMD_SEV_SNP"},
		{"aarch64", "", "aes fp", "HW_ARCH_AARCH64 HW_CPU_AARCH64_AES HW_CPU_AARCH64_FP"},
		{"riscv64", "", "aes fp", ""},
		{"", "", "aes fp", ""},
	} {
		m := &Machine{Arch: c.arch, CPUVendor: c.vendor, CPUFlags: strings.Fields(c.flags)}
		if got := strings.Join(m.cpuTraits(), " "); got != c.want {
			t.Errorf("%s of %s with %s:\ngot  %s\nwant %s", c.arch, c.vendor, c.flags, got, c.want)
		}
	}
}
