// Of several mounts of one hierarchy the one that shows most (the shortest root that still holds
// our path) is walked, since each ancestor seen is one more limit known.
#include "probes/core/cgroups.h"

#include <algorithm>
#include <optional>

#include "probes/core/host_text.h"

namespace mb {
namespace {

struct CgroupMount {
  int version = 2;
  std::string root, point;
};

// mountinfo writes blanks and backslashes as \040 and so on (proc(5)).
std::string unescape(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto is_octal = [&](std::size_t at) {
      return at < text.size() && text[at] >= '0' && text[at] <= '7';
    };
    if (text[i] == '\\' && is_octal(i + 1) && is_octal(i + 2) && is_octal(i + 3)) {
      result += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                  (text[i + 3] - '0'));
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

bool lists(std::string_view comma_separated, std::string_view wanted) {
  while (!comma_separated.empty()) {
    const std::size_t comma = std::min(comma_separated.find(','), comma_separated.size());
    if (comma_separated.substr(0, comma) == wanted) return true;
    comma_separated.remove_prefix(std::min(comma + 1, comma_separated.size()));
  }
  return false;
}

// "36 35 98:0 /root /point options [optional ...] - fstype source super_options"
std::optional<CgroupMount> parse_mount(std::string_view line, std::string_view controller) {
  const auto words = split_words(line);
  const auto dash = std::find(words.begin(), words.end(), "-");
  if (dash - words.begin() < 6 || words.end() - dash < 4) return std::nullopt;
  const std::string_view type = dash[1], super_options = dash[3];
  if (type != "cgroup2" && !(type == "cgroup" && lists(super_options, controller))) {
    return std::nullopt;
  }
  return CgroupMount{type == "cgroup2" ? 2 : 1, unescape(words[3]), unescape(words[4])};
}

// "4:cpu,cpuacct:/path" for v1, "0::/path" for v2. The path itself may hold colons.
std::optional<std::string> own_path(std::string_view cgroup_text, int version,
                                    std::string_view controller) {
  for (const std::string_view line : split_lines(cgroup_text)) {
    const std::size_t first = line.find(':');
    if (first == std::string_view::npos) continue;
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const bool mine = version == 2 ? line.substr(0, first) == "0" && controllers.empty()
                                   : lists(controllers, controller);
    if (mine) return std::string(line.substr(second + 1));
  }
  return std::nullopt;
}

// Our path below the mount's root ("" at its top); nullopt when the mount does not show it.
std::optional<std::string> below_root(const std::string& path, const std::string& root) {
  if (!path.starts_with('/')) return std::nullopt;  // no kernel writes that
  if (path.rfind("/..", 0) == 0 || root.rfind("/..", 0) == 0) return std::nullopt;
  if (path == root) return "";
  if (root == "/") return path;
  if (path.rfind(root + "/", 0) == 0) return path.substr(root.size());
  return std::nullopt;
}

void append_chain(std::vector<CgroupFolder>& chain, const CgroupMount& mount, std::string below) {
  while (!below.empty() && below != "/") {
    chain.push_back({mount.version, mount.point + below, below});
    below.erase(below.rfind('/'));
  }
  chain.push_back({mount.version, mount.point, "/"});
}

}  // namespace

std::vector<CgroupFolder> cgroup_chain(const HostFiles& files, std::string_view controller) {
  const std::string cgroup_text = files.read("/proc/self/cgroup").value_or("");
  const std::string mount_text = files.read("/proc/self/mountinfo").value_or("");
  std::vector<CgroupMount> mounts;
  for (const std::string_view line : split_lines(mount_text)) {
    if (const auto mount = parse_mount(line, controller)) mounts.push_back(*mount);
  }
  std::stable_sort(mounts.begin(), mounts.end(), [](const CgroupMount& a, const CgroupMount& b) {
    return a.root.size() < b.root.size();
  });

  std::vector<CgroupFolder> chain;
  for (const int version : {1, 2}) {
    const CgroupMount* shown = nullptr;
    std::string below;
    const auto path = own_path(cgroup_text, version, controller);
    for (const CgroupMount& mount : mounts) {
      if (mount.version != version) continue;
      if (shown == nullptr) shown = &mount;  // its top, when no mount shows our path
      const auto translated = path ? below_root(*path, mount.root) : std::nullopt;
      if (!translated) continue;
      shown = &mount;
      below = *translated;
      break;
    }
    if (shown != nullptr) append_chain(chain, *shown, below);
  }
  return chain;
}

}  // namespace mb
