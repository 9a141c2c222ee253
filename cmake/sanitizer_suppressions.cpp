// ThreadSanitizer sees races wherever libraries that it did not compile hand data from one thread
// to another: it does not see their locks. Linked into the programs, so that they need no setting.
extern "C" {
const char* __tsan_default_options();       // NOLINT: the sanitizer has it so
const char* __tsan_default_suppressions();  // NOLINT: the sanitizer has it so
}

const char* __tsan_default_options() {
  return "ignore_noninstrumented_modules=1";
}

const char* __tsan_default_suppressions() {
  return "race:libzmq.so\n"
         "race:libavcodec.so\n"
         "race:libavformat.so\n"
         "race:libavutil.so\n"
         "race:libswscale.so\n"
         "race:libx264.so\n";
}
