// Follows a sensor from view to view: what odometry and registration have in common.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "stream/open3d/backend.h"
#include "stream/pose.h"

namespace sluice::stream {

/// When a match is believed, and when the reference changes.
struct TrackingOptions {
  double min_overlap = 0.4;  ///< share of a view that must find a partner
  /// Farthest plausible motion from where the sensor was last seen, per frame since then.
  double max_step_m = 0.5, max_step_degrees = 30;
  /// Views are matched to a key view rather than to the one before: errors add up per key view, not
  /// per frame. Beyond this overlap or motion, a view becomes the next key view.
  double key_overlap = 0.7;
  double key_step_m = 0.15, key_step_degrees = 8;
};

struct TrackingStatistics {
  std::int64_t views = 0;      ///< seen
  std::int64_t tracked = 0;    ///< of them, those with a pose
  std::int64_t key_views = 0;  ///< errors add up over their number
};

/// Rotation angle of a rigid transform.
[[nodiscard]] double rotation_degrees(const Pose& pose) noexcept;

/// The rotation made orthonormal (Gram-Schmidt). Poses that were written with few digits are rigid
/// to 1e-4 only, which a guess made of them hands on to the match.
[[nodiscard]] Pose orthonormalized(const Pose& pose) noexcept;

/// Throws sluice::Error (kind input) for options out of range.
void validate(const TrackingOptions& options);

/// The decisions of tracking, without the views themselves.
class MotionModel {
 public:
  explicit MotionModel(const TrackingOptions& options) : options_(options) {}

  /// Where the next view probably is, if the sensor goes on as it did.
  [[nodiscard]] Pose predicted() const noexcept { return compose(last_, velocity_); }
  [[nodiscard]] const Pose& last() const noexcept { return last_; }
  /// Whether a match of the next view can be believed.
  [[nodiscard]] bool plausible(const Pose& pose, double overlap) const noexcept;
  [[nodiscard]] bool wants_key_view(const Pose& from_key, double overlap) const noexcept;
  void found(const Pose& pose) noexcept;
  /// What comes next was not in sequence, so there is no velocity to go on with.
  void lost() noexcept;

 private:
  TrackingOptions options_;
  Pose last_ = identity_pose();
  Pose velocity_ = identity_pose();
  int gap_ = 0;  ///< views lost since `last_`
};

/// Gives each view its pose in the coordinates of the first one. After a view that could not be
/// matched, the next ones are matched to the last that could.
template <typename View>
class ViewTracker {
 public:
  /// How `from` lies to `to`; the guess is where to start looking.
  using Matcher = std::function<ViewMatch(const View& from, const View& to, const Pose& guess)>;

  ViewTracker(const TrackingOptions& options, Matcher match)
      : options_(options), model_(options), match_(std::move(match)) {}

  /// The first view's pose is the identity, unless it was anchored.
  [[nodiscard]] std::optional<Pose> track(View&& view) {
    ++statistics_.views;
    const auto current = std::make_shared<const View>(std::move(view));
    if (!key_) return start_from(current, identity_pose());
    auto found = match_to(*current, *key_, key_pose_, model_.predicted());
    if (!found && last_ != key_) {
      take_key(last_, model_.last());
      found = match_to(*current, *key_, key_pose_, model_.predicted());
    }
    if (!found) found = match_to(*current, *key_, key_pose_, model_.last());  // it stopped
    if (!found) {
      model_.lost();
      return std::nullopt;
    }
    model_.found(found->pose);
    last_ = current;
    ++statistics_.tracked;
    if (model_.wants_key_view(found->from_key, found->overlap)) take_key(current, found->pose);
    return found->pose;
  }

  /// For a view whose pose is known: it becomes the key view, and what follows is told in the world
  /// of `pose`.
  Pose anchor(View&& view, const Pose& pose) {
    ++statistics_.views;
    return start_from(std::make_shared<const View>(std::move(view)), pose);
  }

  /// For a view that can't be used.
  std::optional<Pose> skip() {
    ++statistics_.views;
    model_.lost();
    return std::nullopt;
  }

  void reset() { *this = ViewTracker(options_, std::move(match_)); }

  [[nodiscard]] const TrackingStatistics& statistics() const noexcept { return statistics_; }

 private:
  struct Found {
    Pose pose, from_key;
    double overlap;
  };

  std::optional<Found> match_to(const View& view, const View& key, const Pose& key_pose,
                                const Pose& predicted) const {
    const ViewMatch match =
        match_(view, key, orthonormalized(compose(inverse(key_pose), predicted)));
    if (!match.found || !is_rigid(match.motion, 1e-6)) return std::nullopt;
    const Pose pose = compose(key_pose, match.motion);
    if (!model_.plausible(pose, match.overlap)) return std::nullopt;
    return Found{pose, match.motion, match.overlap};
  }

  Pose start_from(std::shared_ptr<const View> view, const Pose& pose) {
    model_.found(pose);
    last_ = view;
    take_key(std::move(view), pose);
    ++statistics_.tracked;
    return pose;
  }

  void take_key(std::shared_ptr<const View> view, const Pose& pose) {
    key_ = std::move(view);
    key_pose_ = pose;
    ++statistics_.key_views;
  }

  TrackingOptions options_;
  MotionModel model_;
  Matcher match_;
  std::shared_ptr<const View> key_, last_;
  Pose key_pose_ = identity_pose();
  TrackingStatistics statistics_;
};

}  // namespace sluice::stream
