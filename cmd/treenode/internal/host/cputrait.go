package host

import "slices"

const (
	traitHyperthreading = "HW_CPU_HYPERTHREADING"

	vendorIntel = "GenuineIntel"
	vendorAMD   = "AuthenticAMD"
)

// archTraits names the trait of each machine name of the kernel (uname -m).
var archTraits = map[string]string{
	"aarch64": "HW_ARCH_AARCH64",
	"armv6l":  "HW_ARCH_ARMV6",
	"armv7l":  "HW_ARCH_ARMV7",
	"i686":    "HW_ARCH_I686",
	"mips64":  "HW_ARCH_MIPS64",
	"ppc64":   "HW_ARCH_PPC64",
	"ppc64le": "HW_ARCH_PPC64LE",
	"s390x":   "HW_ARCH_S390X",
	"x86_64":  "HW_ARCH_X86_64",
}

// cpuTrait is a trait of CPUs that have all of the kernel's flags and, where
// the name is a vendor's own, are that vendor's.
type cpuTrait struct {
	trait  string
	vendor string
	flags  []string
}

// x86Traits are the standard traits that the kernel's flags can tell. GFNI,
// VAES and VPCLMULQDQ exist without AVX-512 too; the traits are about the
// AVX-512 forms.
var x86Traits = []cpuTrait{
	{"HW_CPU_X86_3DNOW", "", []string{"3dnow"}},
	{"HW_CPU_X86_ABM", "", []string{"abm"}},
	{"HW_CPU_X86_AESNI", "", []string{"aes"}},
	{"HW_CPU_X86_AMXBF16", "", []string{"amx_bf16"}},
	{"HW_CPU_X86_AMXINT8", "", []string{"amx_int8"}},
	{"HW_CPU_X86_AMXTILE", "", []string{"amx_tile"}},
	{"HW_CPU_X86_AVX", "", []string{"avx"}},
	{"HW_CPU_X86_AVX2", "", []string{"avx2"}},
	{"HW_CPU_X86_AVX512BITALG", "", []string{"avx512_bitalg"}},
	{"HW_CPU_X86_AVX512BW", "", []string{"avx512bw"}},
	{"HW_CPU_X86_AVX512CD", "", []string{"avx512cd"}},
	{"HW_CPU_X86_AVX512DQ", "", []string{"avx512dq"}},
	{"HW_CPU_X86_AVX512ER", "", []string{"avx512er"}},
	{"HW_CPU_X86_AVX512F", "", []string{"avx512f"}},
	{"HW_CPU_X86_AVX512GFNI", "", []string{"gfni", "avx512f"}},
	{"HW_CPU_X86_AVX512IFMA", "", []string{"avx512ifma"}},
	{"HW_CPU_X86_AVX512PF", "", []string{"avx512pf"}},
	{"HW_CPU_X86_AVX512VAES", "", []string{"vaes", "avx512f"}},
	{"HW_CPU_X86_AVX512VBMI", "", []string{"avx512vbmi"}},
	{"HW_CPU_X86_AVX512VBMI2", "", []string{"avx512_vbmi2"}},
	{"HW_CPU_X86_AVX512VL", "", []string{"avx512vl"}},
	{"HW_CPU_X86_AVX512VNNI", "", []string{"avx512_vnni"}},
	{"HW_CPU_X86_AVX512VPCLMULQDQ", "", []string{"vpclmulqdq", "avx512f"}},
	{"HW_CPU_X86_AVX512VPOPCNTDQ", "", []string{"avx512_vpopcntdq"}},
	{"HW_CPU_X86_BMI", "", []string{"bmi1"}},
	{"HW_CPU_X86_BMI2", "", []string{"bmi2"}},
	{"HW_CPU_X86_CLMUL", "", []string{"pclmulqdq"}},
	{"HW_CPU_X86_F16C", "", []string{"f16c"}},
	{"HW_CPU_X86_FMA3", "", []string{"fma"}},
	{"HW_CPU_X86_FMA4", "", []string{"fma4"}},
	{"HW_CPU_X86_MMX", "", []string{"mmx"}},
	{"HW_CPU_X86_MPX", "", []string{"mpx"}},
	{"HW_CPU_X86_PDPE1GB", "", []string{"pdpe1gb"}},
	{"HW_CPU_X86_SGX", "", []string{"sgx"}},
	{"HW_CPU_X86_SHA", "", []string{"sha_ni"}},
	{"HW_CPU_X86_SSE", "", []string{"sse"}},
	{"HW_CPU_X86_SSE2", "", []string{"sse2"}},
	{"HW_CPU_X86_SSE3", "", []string{"pni"}},
	{"HW_CPU_X86_SSE41", "", []string{"sse4_1"}},
	{"HW_CPU_X86_SSE42", "", []string{"sse4_2"}},
	{"HW_CPU_X86_SSE4A", "", []string{"sse4a"}},
	{"HW_CPU_X86_SSSE3", "", []string{"ssse3"}},
	{"HW_CPU_X86_STIBP", "", []string{"stibp"}},
	{"HW_CPU_X86_TBM", "", []string{"tbm"}},
	{"HW_CPU_X86_TSX", "", []string{"rtm"}},
	{"HW_CPU_X86_XOP", "", []string{"xop"}},

	// Virtualization and encrypted memory: the older name beside the newer.
	{"HW_CPU_X86_VMX", "", []string{"vmx"}},
	{"HW_CPU_X86_INTEL_VMX", "", []string{"vmx"}},
	{"HW_CPU_X86_SVM", "", []string{"svm"}},
	{"HW_CPU_X86_AMD_SVM", "", []string{"svm"}},
	{"HW_CPU_AMD_SEV", "", []string{"sev"}},
	{"HW_CPU_X86_AMD_SEV", "", []string{"sev"}},
	{"HW_CPU_X86_AMD_SEV_ES", "", []string{"sev_es"}},
	{"HW_CPU_X86_AMD_SEV_SNP", "", []string{"sev_snp"}},
	{"HW_CPU_X86_INTEL_TDX", "", []string{"tdx_host_platform"}},

	// Flags that the kernel shows for several vendors under one name. It
	// tells spec_ctrl of Intel by the two features that this bit stands for.
	{"HW_CPU_X86_AMD_IBPB", vendorAMD, []string{"ibpb"}},
	{"HW_CPU_X86_AMD_SSBD", vendorAMD, []string{"amd_ssbd"}},
	{"HW_CPU_X86_AMD_VIRT_SSBD", vendorAMD, []string{"virt_ssbd"}},
	{"HW_CPU_X86_INTEL_MD_CLEAR", vendorIntel, []string{"md_clear"}},
	{"HW_CPU_X86_INTEL_PCID", vendorIntel, []string{"pcid"}},
	{"HW_CPU_X86_INTEL_SPEC_CTRL", vendorIntel, []string{"ibrs", "ibpb"}},
	{"HW_CPU_X86_INTEL_SSBD", vendorIntel, []string{"ssbd"}},
}

// aarch64Traits are those of 64-bit ARM.
var aarch64Traits = []cpuTrait{
	{"HW_CPU_AARCH64_AES", "", []string{"aes"}},
	{"HW_CPU_AARCH64_ASIMD", "", []string{"asimd"}},
	{"HW_CPU_AARCH64_ASIMDDP", "", []string{"asimddp"}},
	{"HW_CPU_AARCH64_ASIMDHP", "", []string{"asimdhp"}},
	{"HW_CPU_AARCH64_ASIMDRDM", "", []string{"asimdrdm"}},
	{"HW_CPU_AARCH64_ATOMICS", "", []string{"atomics"}},
	{"HW_CPU_AARCH64_CPUID", "", []string{"cpuid"}},
	{"HW_CPU_AARCH64_CRC32", "", []string{"crc32"}},
	{"HW_CPU_AARCH64_DCPOP", "", []string{"dcpop"}},
	{"HW_CPU_AARCH64_EVTSTRM", "", []string{"evtstrm"}},
	{"HW_CPU_AARCH64_FCMA", "", []string{"fcma"}},
	{"HW_CPU_AARCH64_FP", "", []string{"fp"}},
	{"HW_CPU_AARCH64_FPHP", "", []string{"fphp"}},
	{"HW_CPU_AARCH64_JSCVT", "", []string{"jscvt"}},
	{"HW_CPU_AARCH64_LRCPC", "", []string{"lrcpc"}},
	{"HW_CPU_AARCH64_PMULL", "", []string{"pmull"}},
	{"HW_CPU_AARCH64_SHA1", "", []string{"sha1"}},
	{"HW_CPU_AARCH64_SHA2", "", []string{"sha2"}},
	{"HW_CPU_AARCH64_SHA3", "", []string{"sha3"}},
	{"HW_CPU_AARCH64_SHA512", "", []string{"sha512"}},
	{"HW_CPU_AARCH64_SM3", "", []string{"sm3"}},
	{"HW_CPU_AARCH64_SM4", "", []string{"sm4"}},
	{"HW_CPU_AARCH64_SVE", "", []string{"sve"}},
}

// cpuTraits returns the sorted standard traits of the machine's CPUs. An
// architecture without a table has its arch trait only.
func (m *Machine) cpuTraits() []string {
	traits := []string{}
	if trait, known := archTraits[m.Arch]; known {
		traits = append(traits, trait)
	}
	if m.SMT {
		traits = append(traits, traitHyperthreading)
	}
	var table []cpuTrait
	switch m.Arch {
	case "x86_64", "i686":
		table = x86Traits
	case "aarch64":
		table = aarch64Traits
	}
	for _, t := range table {
		if (t.vendor == "" || t.vendor == m.CPUVendor) && !slices.ContainsFunc(t.flags, m.lacks) {
			traits = append(traits, t.trait)
		}
	}
	slices.Sort(traits)
	return traits
}

func (m *Machine) lacks(flag string) bool {
	_, has := slices.BinarySearch(m.CPUFlags, flag)
	return !has
}
