// SPDX-License-Identifier: Apache-2.0

#include "sim/fault_log.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "sim/input_error.h"

using namespace sidewinder::sim;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

KernelLine parsed(std::string_view text) {
  const auto line = parse_kernel_line(text);
  if (!line) FAIL(text << ": " << line.error());
  return *line;
}

std::string error_of(std::string_view text) {
  const auto line = parse_kernel_line(text);
  return line ? "no error" : line.error();
}

// "name=text" of each field, in order.
std::vector<std::string> fields_of(const KernelLine& line) {
  std::vector<std::string> texts;
  for (const KernelField& field : line.fields) texts.push_back(field.name + "=" + field.text);
  return texts;
}

using Texts = std::vector<std::string>;

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content) {
    char name[] = "/tmp/sidewinder-fault-log-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    directory_ = name;
    std::ofstream(path()) << content;
  }
  ~TemporaryFile() { std::filesystem::remove_all(directory_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  [[nodiscard]] std::filesystem::path path() const { return directory_ / "expected.log"; }

 private:
  std::filesystem::path directory_;
};

}  // namespace

TEST_CASE("a context fault of today's kernels") {
  const KernelLine line = parsed(
      "[   12.345678] arm-smmu 15000000.iommu: Unhandled context fault: fsr=0x402, iova=0xfd7ff000, "
      "fsynr=0x540003, cbfrsynra=0x19c3, cb=10");
  CHECK(line.kind == KernelLineKind::ContextFault);
  CHECK(fields_of(line) == Texts{"time=12.345678", "driver=arm-smmu", "device=15000000.iommu", "fsr=0x402",
                                 "iova=0xfd7ff000", "fsynr=0x540003", "cbfrsynra=0x19c3", "cb=10"});
  CHECK(line.field("time")->value == 12'345'678);
  CHECK(line.field("iova")->value == 0xfd7ff000);
  CHECK(line.field("cb")->value == 10);
  CHECK(line.field("text") == nullptr);
}

TEST_CASE("a context fault of older and vendors' kernels") {
  const KernelLine oldest =
      parsed("arm-smmu b40000.iommu: Unhandled context fault: iova=0x00001000, fsynr=0x1, cb=0");
  CHECK(fields_of(oldest) ==
        Texts{"driver=arm-smmu", "device=b40000.iommu", "iova=0x00001000", "fsynr=0x1", "cb=0"});
  const KernelLine vendor = parsed(
      "[    1.000000] arm-smmu b40000.iommu: Unhandled context fault: iova=0x00001000, cb=3, fsr=0x402, "
      "fsynr0=0x13, fsynr1=0x0");
  CHECK(fields_of(vendor) == Texts{"time=1.000000", "driver=arm-smmu", "device=b40000.iommu", "fsr=0x402",
                                   "iova=0x00001000", "fsynr=0x13", "fsynr1=0x0", "cb=3"});
}

TEST_CASE("the two decoded lines of 6.12 and newer") {
  const KernelLine fsr =
      parsed("[    1.000000] arm-smmu 15000000.iommu: FSR    = 80000402 [MULTI Format=2 TF], SID=0x1943");
  CHECK(fsr.kind == KernelLineKind::FsrDecoded);
  CHECK(fsr.field("fsr")->value == 0x80000402);
  CHECK(fsr.field("fsr bits")->text == "MULTI Format=2 TF");
  CHECK(fsr.field("sid")->value == 0x1943);
  const KernelLine fsynr =
      parsed("[    1.000000] arm-smmu 15000000.iommu: FSYNR0 = 00000013 [S1CBNDX=0 WNR PLVL=3]");
  CHECK(fsynr.kind == KernelLineKind::Fsynr0Decoded);
  CHECK(fsynr.field("fsynr0")->value == 0x13);
  CHECK(fsynr.field("fsynr0 bits")->text == "S1CBNDX=0 WNR PLVL=3");
}

TEST_CASE("global faults, in both forms, and their registers") {
  const KernelLine blocked = parsed(
      "[    1.000000] arm-smmu 15000000.iommu: Blocked unknown Stream ID 0x1a22; boot with "
      "\"arm-smmu.disable_bypass=0\" to allow, but this may have security implications");
  CHECK(blocked.kind == KernelLineKind::UnknownStream);
  CHECK(blocked.field("stream_id")->value == 0x1a22);
  CHECK_THAT(blocked.field("advice")->text, StartsWith("boot with"));

  const KernelLine unexpected =
      parsed("[    1.000000] arm-smmu 15000000.iommu: Unexpected global fault, this could be serious");
  CHECK(unexpected.kind == KernelLineKind::GlobalFault);

  const KernelLine registers = parsed(
      "[    1.000000] arm-smmu 15000000.iommu: \tGFSR 0x80000002, GFSYNR0 0x00000002, GFSYNR1 0x00001a22, "
      "GFSYNR2 0x00000000");
  CHECK(registers.kind == KernelLineKind::GlobalRegisters);
  CHECK(fields_of(registers) == Texts{"time=1.000000", "driver=arm-smmu", "device=15000000.iommu",
                                      "gfsr=0x80000002", "gfsynr0=0x00000002", "gfsynr1=0x00001a22",
                                      "gfsynr2=0x00000000"});
}

TEST_CASE("an SMMUv3's event, the words of its record, and what newer kernels make of them") {
  const KernelLine event = parsed("[    0.281000] arm-smmu-v3 9050000.iommu: event 0x10 received:");
  CHECK(event.kind == KernelLineKind::EventReceived);
  CHECK(fields_of(event) ==
        Texts{"time=0.281000", "driver=arm-smmu-v3", "device=9050000.iommu", "event=0x10"});
  CHECK(event.field("event")->value == 0x10);
  const KernelLine word = parsed("[    0.281000] arm-smmu-v3 9050000.iommu: \t0x0000194000000010");
  CHECK(word.kind == KernelLineKind::EventWord);
  CHECK(word.field("word")->value == 0x0000'1940'0000'0010);
  const KernelLine decoded = parsed(
      "arm-smmu-v3 9050000.iommu: event: F_TRANSLATION client: (unassigned sid) sid: 0x1940 ssid: 0 iova: "
      "0x25000000 ipa: 0");
  CHECK(decoded.kind == KernelLineKind::EventDecoded);
  CHECK(fields_of(decoded) == Texts{"driver=arm-smmu-v3", "device=9050000.iommu", "name=F_TRANSLATION",
                                    "client=(unassigned sid)", "sid=0x1940", "ssid=0", "iova=0x25000000",
                                    "ipa=0"});
  CHECK(decoded.field("iova")->value == 0x2500'0000);
  const KernelLine fetch =
      parsed("arm-smmu-v3 a.iommu: event: F_STE_FETCH client: b sid: 0x1 ssid: 0x2 fetch_addr: 0x1000");
  CHECK(fetch.field("fetch_addr")->value == 0x1000);
  CHECK(parsed("arm-smmu-v3 a.iommu: event: C_BAD_STE client: b sid: 0x1 ssid: 0").kind ==
        KernelLineKind::EventDecoded);
  // Others have events too.
  CHECK(parsed("input device0: event 0x3").kind == KernelLineKind::Text);
  CHECK(parsed("event: of nobody").kind == KernelLineKind::Text);
  CHECK(parsed("input device0: event: x").kind == KernelLineKind::Text);
}

TEST_CASE("an SMMUv3's line that does not go on as an event is an error") {
  CHECK_THAT(error_of("arm-smmu-v3 a.iommu: event 0x10"), StartsWith("event: `event 0x10 received:`"));
  CHECK_THAT(error_of("arm-smmu-v3 a.iommu: event 0xzz received:"), StartsWith("event: "));
  CHECK_THAT(error_of("arm-smmu-v3 a.iommu: \t0x10"), StartsWith("word of an event: 16 hexadecimal"));
  CHECK_THAT(error_of("arm-smmu-v3 a.iommu: event: F_X client sid: 1"),
             StartsWith("decoded event: `event: "));
  CHECK_THAT(error_of("arm-smmu-v3 a.iommu: event: F_X client: a sid: zz"),
             StartsWith("decoded event: `sid` is not a number"));
}

TEST_CASE("what the rate limit suppressed") {
  const KernelLine line = parsed("[    5.000001] arm_smmu_context_fault: 12 callbacks suppressed");
  CHECK(line.kind == KernelLineKind::CallbacksSuppressed);
  CHECK(fields_of(line) == Texts{"time=5.000001", "function=arm_smmu_context_fault", "count=12"});
}

TEST_CASE("any other line is text, with its time apart") {
  const KernelLine line =
      parsed("[    0.000100] arm-smmu 15000000.iommu: \t(IDR0.CTTW overridden by FW configuration)\r\n");
  CHECK(line.kind == KernelLineKind::Text);
  CHECK(fields_of(line) ==
        Texts{"time=0.000100", "text=arm-smmu 15000000.iommu: \t(IDR0.CTTW overridden by FW configuration)"});
  CHECK(fields_of(parsed("[drm] Initialized 1.5 x")) == Texts{"text=[drm] Initialized 1.5 x"});
  CHECK(fields_of(parsed("[    1.5] not a time")) == Texts{"text=[    1.5] not a time"});
}

TEST_CASE("the printing task, where the kernel shows it, is passed over") {
  CHECK(fields_of(parsed("[    0.000100][  T123] hello")) == Texts{"time=0.000100", "text=hello"});
  CHECK(fields_of(parsed("[    0.000100][    C0] hello")) == Texts{"time=0.000100", "text=hello"});
  CHECK(fields_of(parsed("[    0.000100] [drm] hello")) == Texts{"time=0.000100", "text=[drm] hello"});
  CHECK(fields_of(parsed("[    0.000100][drm] hello")) == Texts{"time=0.000100", "text=[drm] hello"});
}

TEST_CASE("a line that begins as a fault and does not go on as one is an error") {
  const std::string begin = "arm-smmu 15000000.iommu: ";
  const std::string context = begin + "Unhandled context fault";
  CHECK_THAT(error_of(context + " fsr=0x402"), Contains("no colon"));
  CHECK_THAT(error_of(context + ": fsr=402, iova=0x0, fsynr=0x3, cb=0"), Contains("`fsr=402` is not a 0x"));
  CHECK_THAT(error_of(context + ": fsr=0xzz, iova=0x0, fsynr=0x3, cb=0"), Contains("`fsr=0xzz`"));
  CHECK_THAT(error_of(context + ": fsr=0x402, iova=0x0, fsynr=0x3, cb=0x1"),
             Contains("`cb=0x1` is not a decimal"));
  CHECK_THAT(error_of(context + ": iova=0x0, iova=0x0, fsynr=0x3, cb=0"), Contains("`iova` stands twice"));
  CHECK_THAT(error_of(context + ": iova=0x0, far=0x3, fsynr=0x3, cb=0"), Contains("unknown field `far`"));
  CHECK_THAT(error_of(context + ": fsr=0x402, fsynr=0x3, cb=0"), Contains("`iova` is missing"));
  CHECK_THAT(error_of(context + ": fsr=0x402, iova"), Contains("`iova` is not KEY=VALUE"));
  CHECK_THAT(error_of("Unhandled context fault: iova=0x0, fsynr=0x3, cb=0"),
             Contains("`[secs.usecs] arm-smmu 15000000.iommu: ` would be right"));
  CHECK_THAT(error_of(begin + "FSR    = 402 Format=2"), Contains("decoded FSR"));
  CHECK_THAT(error_of(begin + "FSR    = 00000402 [Format=2 TF]"), Contains("SID="));
  CHECK_THAT(error_of(begin + "FSYNR0 = 00000013 [S1CBNDX=0"), Contains("decoded FSYNR0"));
  CHECK_THAT(error_of(begin + "Blocked unknown Stream ID; boot"), Contains("blocked stream"));
  CHECK_THAT(error_of(begin + "\tGFSR 0x2, GFSYNR0 0x2, GFSYNR2 0x0"), Contains("gfsynr1"));
  CHECK_THAT(error_of("arm_smmu_context_fault: many callbacks suppressed"), Contains("suppressed callbacks"));
}

TEST_CASE("an expected log is read without its comments and blank lines, which count") {
  const TemporaryFile file(
      "# golden\n\n[    0.000100] one\n   \narm-smmu 1.iommu: Unhandled context fault: iova=0x0, fsynr=0x3, "
      "cb=0\n");
  const auto lines = read_fault_log(file.path());
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].number == 3);
  CHECK(lines[1].number == 5);
  CHECK(lines[1].kind == KernelLineKind::ContextFault);
}

TEST_CASE("an expected line in error names its file and line") {
  const TemporaryFile file("# golden\narm-smmu 1.iommu: Unhandled context fault: iova=0, fsynr=0x3, cb=0\n");
  CHECK_THROWS_AS(read_fault_log(file.path()), InputError);
  CHECK_THROWS_WITH(read_fault_log(file.path()),
                    StartsWith(file.path().string() + ":2: context fault: `iova=0` is not a 0x... number"));
}

TEST_CASE("an expected log that is not there, or is a directory") {
  CHECK_THROWS_AS(read_fault_log("/nowhere/expected.log"), InputError);
  CHECK_THROWS_AS(read_fault_log("/tmp"), InputError);
}

TEST_CASE("a run's own line that does not parse is compared as text") {
  const auto lines = parse_kernel_log({"[    0.000100] one", "[    0.000200] Unhandled context fault"});
  REQUIRE(lines.size() == 2);
  CHECK(lines[1].number == 2);
  CHECK(lines[1].kind == KernelLineKind::Text);
  CHECK(fields_of(lines[1]) == Texts{"time=0.000200", "text=Unhandled context fault"});
}

TEST_CASE("syndromes are explained in the registers' words") {
  CHECK(explain({"fsr", "0x402", 0x402}) == "0x402 (TF Format=2)");
  CHECK(explain({"fsr", "0x8", 0x8}) == "0x8 (PF Format=0)");
  CHECK(explain({"fsr", "0xc00001fe", 0xc00001fe}) ==
        "0xc00001fe (MULTI SS UUT ASF TLBLKF TLBMCF EF PF AFF TF Format=0)");
  CHECK(explain({"fsynr", "0x540013", 0x540013}) == "0x540013 (WNR PLVL=3)");
  CHECK(explain({"fsynr", "0x3", 0x3}) == "0x3 (PLVL=3)");
  CHECK(explain({"fsynr0", "00000d60", 0xd60}) == "00000d60 (AFR PTWF NSATTR IND PNU PLVL=0)");
  CHECK(explain({"gfsr", "0x80000002", 0x80000002}) == "0x80000002 (MULTI USF)");
  CHECK(explain({"gfsynr0", "0x00000000", 0}) == "0x00000000");
  CHECK(explain({"iova", "0x1000", 0x1000}) == "0x1000");
  CHECK(explain({"text", "hello", std::nullopt}) == "\"hello\"");
}
