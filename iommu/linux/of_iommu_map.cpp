// SPDX-License-Identifier: Apache-2.0
//
// iommu-map: of_map_id(), as it is up to 2026 and as it is from then on.

#include "iommu/linux/of_iommu.h"

namespace sidewinder::kernel::of {
namespace {

constexpr std::uint32_t most_output_cells = 16;  // MAX_PHANDLE_ARGS

/// What the walk over a map comes to at one entry.
struct Entry {
  std::uint32_t id_base = 0;
  std::uint32_t phandle = 0;
  std::uint32_t length = 0;
  Cells output;
};

class MapWalk {
 public:
  MapWalk(const Node& node, IommuMapRule rule)
      : node_(node),
        rule_(rule),
        bytes_(node.length("iommu-map").value_or(0)),
        mask_(node.first_cell("iommu-map-mask").value_or(0xffff'ffff)) {
    if (bytes_ % 4 == 0) cells_ = node.cells("iommu-map").value_or(Cells{});
  }

  [[nodiscard]] std::uint32_t mask() const { return mask_; }
  [[nodiscard]] bool done() const { return at_ >= cells_.size(); }
  std::vector<std::string>& log() { return log_; }

  [[nodiscard]] Status check_length() {
    const bool four = rule_ == IommuMapRule::FourCells;
    if (bytes_ % 4 != 0 || (four && (bytes_ == 0 || bytes_ % 16 != 0))) return bad_length();
    return {};
  }

  /// The entry at the cursor, which moves past it.
  [[nodiscard]] Result<Entry> next() {
    if (cells_.size() - at_ < 2) return tl::unexpected(bad_length().error());
    Entry entry{cells_[at_], cells_[at_ + 1], 0, {}};
    if ((entry.id_base & ~mask_) != 0) {
      say("Invalid iommu-map translation - iommu-map-mask (0x" + hex(mask_) + ") ignores id-base (0x" +
          hex(entry.id_base) + ")");
      return fail(Errno::EFAULT_);
    }
    const Result<std::size_t> count = output_cells(entry.phandle);
    if (!count) return tl::unexpected(count.error());
    if (cells_.size() - at_ < 3 + *count) return tl::unexpected(bad_length().error());
    const auto output = cells_.begin() + static_cast<std::ptrdiff_t>(at_ + 2);
    entry.output.assign(output, output + static_cast<std::ptrdiff_t>(*count));
    entry.length = cells_[at_ + 2 + *count];
    at_ += 3 + *count;
    return entry;
  }

  void say(const std::string& what) { log_.push_back("OF: " + node_.path() + ": " + what); }

 private:
  Status bad_length() {
    say("Error: Bad iommu-map length: " + std::to_string(bytes_));
    return fail(Errno::EINVAL_);
  }

  [[nodiscard]] Result<std::size_t> output_cells(std::uint32_t phandle) {
    if (rule_ == IommuMapRule::FourCells) return std::size_t{1};
    const std::optional<Node> target = node_.by_phandle(phandle);
    if (!target) return fail(Errno::ENODEV_);
    const std::uint32_t count = one_cell_ ? 1 : target->first_cell("#iommu-cells").value_or(1);
    if (count > most_output_cells) {
      log_.push_back("OF: " + target->path() + ": #iommu-cells cell count " +
                     std::to_string(static_cast<std::int32_t>(count)) + " exceeds maximum");
      return fail(Errno::EINVAL_);
    }
    if (at_ == 0 && count == 2 && written_for_one_cell()) {
      say("iommu-map has 1-cell entries targeting 2-cell #iommu-cells, treating as 1-cell output");
      one_cell_ = true;
      return std::size_t{1};
    }
    return count;
  }

  /// Trees that give a two-cell controller one cell: one target, every length 1 (of_check_bad_map()).
  [[nodiscard]] bool written_for_one_cell() const {
    if (cells_.size() % 4 != 0) return false;
    for (std::size_t at = 0; at < cells_.size(); at += 4)
      if (cells_[at + 1] != cells_[1] || cells_[at + 3] != 1) return false;
    return true;
  }

  Node node_;
  IommuMapRule rule_;
  int bytes_;
  std::uint32_t mask_;
  Cells cells_;
  std::size_t at_ = 0;
  bool one_cell_ = false;
  std::vector<std::string> log_;
};

/// Before 2026 the end of an entry's IDs wraps at 2^32; since then it does not.
bool covers(const Entry& entry, std::uint32_t id, IommuMapRule rule) {
  if (id < entry.id_base) return false;
  return rule == IommuMapRule::FourCells ? id < entry.id_base + entry.length
                                         : id - entry.id_base < entry.length;
}

Status walk(const Node& node, std::uint32_t id, IommuMapRule rule, MapWalk& map,
            std::vector<IommuSpecifier>& found) {
  if (const Status length = map.check_length(); !length) return length;
  const std::uint32_t masked = map.mask() & id;
  bool matched = false;
  while (!map.done()) {
    const Result<Entry> entry = map.next();
    if (!entry) return tl::unexpected(entry.error());
    if (!covers(*entry, masked, rule)) continue;
    if (entry->length > 1 && entry->output.size() > 1) {
      map.say("Unsupported iommu-map - cannot handle " +
              std::to_string(static_cast<std::int32_t>(entry->length)) + "-ID range with " +
              std::to_string(entry->output.size()) + "-cell output specifier");
      return fail(Errno::EINVAL_);
    }
    if (!node.by_phandle(entry->phandle)) return fail(Errno::ENODEV_);
    matched = true;
    if (const auto specifier = map_specifier(node, entry->phandle, masked - entry->id_base, entry->output))
      found.push_back(*specifier);
    if (rule != IommuMapRule::EveryMatch) return {};
  }
  if (matched) return {};
  if (rule == IommuMapRule::EveryMatch) return fail(Errno::ENODEV_);
  map.say("no iommu-map translation for id 0x" + hex(id) + " on (null)");
  return {};
}

}  // namespace

IommuMapAnswer map_iommu_id(const Node& node, std::uint32_t id, IommuMapRule rule) {
  if (!node.has("iommu-map")) {
    if (rule == IommuMapRule::TargetCells) return {std::vector<IommuSpecifier>{}, {}};
    return {fail(Errno::ENODEV_), {}};
  }
  MapWalk map(node, rule);
  std::vector<IommuSpecifier> found;
  const Status status = walk(node, id, rule, map, found);
  if (!status) return {tl::unexpected(status.error()), std::move(map.log())};
  return {std::move(found), std::move(map.log())};
}

bool refers_to_iommu(const Node& node, std::uint32_t phandle) {
  const std::optional<int> bytes = node.length("iommus");
  const Cells cells = bytes.value_or(1) % 4 == 0 ? *node.cells("iommus") : Cells{};
  for (std::size_t at = 0; at < cells.size();) {
    if (cells[at] == phandle) return true;
    const std::optional<Node> target = node.by_phandle(cells[at]);
    const std::optional<std::uint32_t> count =
        target ? target->first_cell("#iommu-cells") : std::optional<std::uint32_t>{};
    if (!count || *count > most_output_cells) break;
    at += 1 + *count;
  }
  for (const IommuMapRule rule : {IommuMapRule::FourCells, IommuMapRule::TargetCells}) {
    MapWalk map(node, rule);
    if (!map.check_length()) continue;
    while (!map.done()) {
      const Result<Entry> entry = map.next();
      if (!entry) break;
      if (entry->phandle == phandle) return true;
    }
  }
  return false;
}

}  // namespace sidewinder::kernel::of
