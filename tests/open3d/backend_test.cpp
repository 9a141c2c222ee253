#include <gtest/gtest.h>

#include <string>

#include "kernels/error.h"
#include "stream/open3d/backend_loader.h"
#include "stream/open3d/cloud_registration.h"
#include "stream/open3d/rgbd_odometry.h"

namespace sluice::stream {
namespace {

TEST(Open3dBackend, IsFoundOrSaysWhatToInstall) {
  try {
    const Open3dBackend& backend = open3d_backend();
    EXPECT_TRUE(built_with_open3d());
    EXPECT_NE(backend.match_images, nullptr);
    EXPECT_EQ(&open3d_backend(), &backend);
  } catch (const Error& error) {
    EXPECT_FALSE(built_with_open3d()) << error.what();
    EXPECT_EQ(error.kind(), Error::Kind::system);
    EXPECT_NE(std::string(error.what()).find("libopen3d-dev"), std::string::npos) << error.what();
    EXPECT_THROW(RgbdOdometry(), Error);
    EXPECT_THROW(CloudRegistration(), Error);
  }
}

}  // namespace
}  // namespace sluice::stream
