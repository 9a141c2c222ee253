// A project that uses Sluice as installed: reduces a stream of frames, groups points by voxel, maps
// a view with depth and, where the library has sockets, sends a segment to itself.
#include <sluice/kernels/voxel_pool.h>
#include <sluice/spatial3d/spatial_reducer.h>
#include <sluice/stream/pose.h>
#include <sluice/temporal/video_reducer.h>

#include <cstdio>
#include <vector>

#ifdef HAS_IO
#include <sluice/stream/io/packet_receiver.h>
#include <sluice/stream/io/packet_sender.h>
#endif

int main() {
  sluice::kernels::Resources resources;
  sluice::temporal::VideoReducerOptions options;
  options.causal = true;
  options.reduction.retain = 0.25;
  sluice::temporal::VideoReducer reducer(resources, {}, options);

  sluice::stream::FeatureFrame frame;
  for (int f = 0; f < 8; ++f) {
    frame.features.reshape(sluice::kernels::DType::f32, {16, 4});
    for (auto& value : frame.features.as<float>()) value = 1.0f;
    frame.pts = 0.1 * f;
    reducer.push(frame);
  }
  reducer.finish();
  sluice::temporal::ReducedSegment segment;
  if (!reducer.next(segment) || segment.tokens.size() != 16) return 1;

  // So many that they are sorted in parallel, where the library was built for that.
  const std::vector<float> points(3 * 100'000, 1.0f);
  sluice::kernels::VoxelGroups groups;
  sluice::kernels::group_by_voxel(resources, points, 0.2f, groups);
  if (groups.size() != 1) return 1;

  sluice::stream::Source camera;
  camera.grid_rows = camera.grid_cols = 2;
  sluice::spatial3d::SpatialReducerOptions spatial;
  spatial.retain = 0.5;
  sluice::spatial3d::SpatialReducer mapper(resources, camera, spatial);
  sluice::stream::SpatialFrame view;
  view.features.reshape(sluice::kernels::DType::f32, {4, 3});
  for (auto& value : view.features.as<float>()) value = 1.0f;
  view.depth.reshape(sluice::kernels::DType::f32, {8, 8});
  for (auto& value : view.depth.as<float>()) value = 2.0f;
  view.intrinsics = {8, 8, 3.5, 3.5};
  view.pose = sluice::stream::identity_pose();
  sluice::spatial3d::SpatialUpdate update;
  mapper.push(view, update);
  if (update.voxels != 4 || update.decision.keep.size() != 2) return 1;

#ifdef HAS_IO
  sluice::stream::PacketSender sender("tcp://127.0.0.1:*");
  sluice::stream::PacketReceiver receiver(sender.endpoint());
  sluice::stream::Packet packet, received;
  packet.kept = packet.budget = packet.available = segment.tokens.size();
  packet.batches.push_back(std::move(segment.tokens));
  if (sender.send(packet, std::chrono::seconds(10)) != sluice::stream::SendStatus::sent) return 1;
  if (receiver.receive(received, std::chrono::seconds(10)) !=
          sluice::stream::ReceiveStatus::message ||
      received.kept != packet.kept)
    return 1;
#endif
  std::puts("Sluice works from another project.");
  return 0;
}
