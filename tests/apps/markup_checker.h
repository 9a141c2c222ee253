// Is a page well-formed, in the strict sense of XML? Returns the first fault found.
#pragma once

#include <cctype>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::test {

class MarkupChecker {
 public:
  /// Empty if `page` is well-formed.
  [[nodiscard]] static std::string fault_in(std::string_view page) {
    MarkupChecker checker(page);
    checker.check();
    return checker.fault_;
  }

 private:
  explicit MarkupChecker(std::string_view page) : page_(page) {}

  void check() {
    constexpr std::string_view doctype = "<!DOCTYPE html>\n";
    if (!page_.starts_with(doctype)) return fail("no doctype");
    place_ = doctype.size();
    while (fault_.empty() && place_ < page_.size()) {
      if (page_[place_] == '<') {
        check_tag();
      } else {
        check_text(page_.substr(place_, page_.find('<', place_) - place_));
      }
    }
    if (fault_.empty() && !open_.empty()) fail("<" + open_.back() + "> is never closed");
  }

  void check_text(std::string_view text) {
    if (open_.empty() && text.find_first_not_of(" \n") != std::string_view::npos) {
      return fail("text outside the document");
    }
    check_entities(text);
    place_ += text.size();
  }

  void check_entities(std::string_view text) {
    for (std::size_t at = text.find('&'); at != std::string_view::npos;
         at = text.find('&', at + 1)) {
      const std::string_view entity = text.substr(at, text.find(';', at) - at + 1);
      static const std::set<std::string_view> known{"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
      if (!known.contains(entity))
        return fail("unknown entity " + std::string(entity.substr(0, 12)));
    }
    if (text.find('>') != std::string_view::npos) fail("a bare '>'");
  }

  void check_tag() {
    const bool closing = page_.substr(place_, 2) == "</";
    place_ += closing ? 2 : 1;
    const std::string name = take_name();
    if (name.empty()) return fail("a bare '<'");
    if (closing) {
      if (open_.empty() || open_.back() != name) return fail("</" + name + "> closes nothing");
      open_.pop_back();
      if (page_.substr(place_, 1) != ">") return fail("</" + name + " does not end");
      ++place_;
      return;
    }
    const bool is_empty = take_attributes(name);
    if (!fault_.empty() || is_empty) return;
    open_.push_back(name);
    if (name == "script" || name == "style") {  // their contents are not markup
      const std::size_t end = page_.find("</" + name + ">", place_);
      if (end == std::string_view::npos) return fail("<" + name + "> is never closed");
      const std::string_view contents = page_.substr(place_, end - place_);
      if (contents.find_first_of("<&") != std::string_view::npos) return fail("markup in " + name);
      place_ = end;
    }
  }

  std::string take_name() {
    const std::size_t begin = place_;
    while (place_ < page_.size() &&
           (std::isalnum(static_cast<unsigned char>(page_[place_])) != 0 || page_[place_] == '-')) {
      ++place_;
    }
    return std::string(page_.substr(begin, place_ - begin));
  }

  /// True if the element is empty ("<br/>").
  bool take_attributes(const std::string& element) {
    std::set<std::string> seen;
    while (place_ < page_.size()) {
      if (page_.substr(place_, 2) == "/>") return place_ += 2, true;
      if (page_[place_] == '>') return ++place_, false;
      if (page_[place_] != ' ') break;
      ++place_;
      const std::string name = take_name();
      if (name.empty() || !seen.insert(name).second) break;
      if (page_.substr(place_, 2) != "=\"") break;
      const std::size_t end = page_.find('"', place_ + 2);
      if (end == std::string_view::npos) break;
      check_entities(page_.substr(place_ + 2, end - place_ - 2));
      place_ = end + 1;
    }
    fail("bad attributes of <" + element + ">");
    return true;
  }

  void fail(const std::string& fault) {
    if (!fault_.empty()) return;
    fault_ = fault + " near: " + std::string(page_.substr(place_ > 40 ? place_ - 40 : 0, 120));
  }

  std::string_view page_;
  std::size_t place_ = 0;
  std::vector<std::string> open_;
  std::string fault_;
};

}  // namespace sluice::test
