#include "apps/report/report_blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "apps/report/html.h"
#include "apps/report/units.h"

namespace sluice::report {
namespace {

double percent(double part, double whole) {
  return whole > 0 ? std::clamp(100 * part / whole, 0.0, 100.0) : 0;
}

std::string spaced(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

}  // namespace

std::string plural(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count_text(count), noun, count == 1 ? "" : "s");
}

std::string fact_list(const std::vector<std::string>& facts) {
  std::string out = "<div class=\"facts\">";
  for (const std::string& fact : facts) out += fmt::format("<span>{}</span>", escape(fact));
  return out + "</div>\n";
}

std::string tile(std::string_view css_class, std::string_view label, std::int64_t count,
                 std::int64_t whole, std::string_view meaning) {
  return fmt::format(
      "<div class=\"card tile {}\"><span class=\"eyebrow\">{}</span><b>{}</b>"
      "<span class=\"note\">{}</span><div class=\"of\"><i "
      "style=\"width:{:.3f}%\"></i></div></div>\n",
      css_class, label, count_text(count), meaning,
      percent(static_cast<double>(count), static_cast<double>(whole)));
}

std::string split_bar(const std::vector<Part>& parts) {
  std::int64_t all = 0;
  std::string label, bar, key;
  for (const Part& part : parts) all += part.count;
  for (const Part& part : parts) {
    label += fmt::format("{}{} {}", label.empty() ? "" : ", ", part.count, escape(part.meaning));
    if (part.count > 0)
      bar +=
          fmt::format("<i class=\"{}\" style=\"flex:{} 1 2px\"></i>", part.css_class, part.count);
    key += fmt::format(
        "<p><i class=\"swatch {}\"></i><b>{}</b> <span class=\"note\">{}</span><br/>{}</p>\n",
        part.css_class, count_text(part.count),
        percent_text(static_cast<double>(part.count), static_cast<double>(all)),
        escape(part.meaning));
  }
  return fmt::format(
      "<div class=\"split\" role=\"img\" aria-label=\"{}\">{}</div>\n<div class=\"key\">\n"
      "{}</div>\n",
      label, bar, key);
}

std::string meter(std::string_view css_class, double part, double whole) {
  return fmt::format("<span class=\"meter\"><i class=\"{}\" style=\"width:{:.2f}%\"></i></span>",
                     css_class, percent(part, whole));
}

std::string note_list(const std::vector<std::string>& lines, std::string_view nothing) {
  constexpr std::size_t most = 200;
  if (lines.empty()) return fmt::format("<p class=\"note\">{}</p>\n", escape(nothing));
  std::string out = "<ul class=\"notes\">\n";
  for (std::size_t i = 0; i < std::min(lines.size(), most); ++i) {
    out += fmt::format("<li>{}</li>\n", escape(lines[i]));
  }
  if (lines.size() > most) out += fmt::format("<li>… and {} more</li>\n", lines.size() - most);
  return out + "</ul>\n";
}

std::string settings_section(const std::map<std::string, std::string>& settings) {
  std::string out =
      "<h2>Settings</h2>\n<p>Everything that decided what was kept.</p>\n"
      "<dl class=\"card settings\">\n";
  for (const auto& [name, value] : settings) {
    out += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name),
                       value.empty() ? "–" : escape(value));
  }
  return out + "</dl>\n";
}

std::string timings_section(const std::map<std::string, double>& stage_ms, std::int64_t frames,
                            std::string_view noun) {
  if (stage_ms.empty()) return {};
  std::vector<std::pair<std::string, double>> stages(stage_ms.begin(), stage_ms.end());
  std::stable_sort(stages.begin(), stages.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  const double longest = stages.front().second;
  double total = 0;
  for (const auto& [name, ms] : stages) total += ms;

  const auto count = static_cast<double>(frames);
  const auto cells = [&](double ms) {
    const bool known = frames > 0 && ms > 0;
    return fmt::format("<td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>",
                       duration_text(ms / 1000), known ? duration_text(ms / 1000 / count) : "–",
                       known ? number_text(1000 * count / ms) : "–");
  };
  std::string nouns = std::string(noun) + "s";
  nouns.front() = static_cast<char>(nouns.front() - 'a' + 'A');
  std::string out = fmt::format(
      "<h2>Where the time went</h2>\n<p>Wall time per stage, summed over the run. Stages may run "
      "side by side.</p>\n<div class=\"card scroll\"><table><thead><tr><th>Stage</th>"
      "<th class=\"n\">Time</th><th class=\"n\">Per {}</th><th class=\"n\">{}/s</th>"
      "<th></th></tr></thead><tbody>\n",
      noun, nouns);
  for (const auto& [name, ms] : stages) {
    out += fmt::format("<tr><td>{}</td>{}<td class=\"wide\">{}</td></tr>\n", escape(spaced(name)),
                       cells(ms), meter("ink", ms, longest));
  }
  if (stages.size() > 1) {
    out += fmt::format("<tr><td><b>All stages</b></td>{}<td></td></tr>\n", cells(total));
  }
  return out + "</tbody></table></div>\n";
}

}  // namespace sluice::report
