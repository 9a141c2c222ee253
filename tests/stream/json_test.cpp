#include "stream/json.h"

#include <string>

#include "tests/stream/blobs.h"

namespace sluice::stream {
namespace {

using test::input_error_of;

std::string parse_string(std::string_view text) {
  JsonReader reader(text, "json");
  std::string value = reader.string_value();
  reader.finish();
  return value;
}

std::int64_t parse_count(std::string_view text) {
  JsonReader reader(text, "json");
  const std::int64_t value = reader.count_value();
  reader.finish();
  return value;
}

TEST(Json, ReadsObjectsAndArrays) {
  JsonReader reader(" { \"a\" : [ 1 , 2 ] , \"b\" : \"x\" } ", "json");
  std::string key;
  reader.begin_object();
  ASSERT_TRUE(reader.next_member(key));
  EXPECT_EQ(key, "a");
  reader.begin_array();
  ASSERT_TRUE(reader.next_element());
  EXPECT_EQ(reader.count_value(), 1);
  ASSERT_TRUE(reader.next_element());
  EXPECT_EQ(reader.count_value(), 2);
  ASSERT_FALSE(reader.next_element());
  ASSERT_TRUE(reader.next_member(key));
  EXPECT_EQ(key, "b");
  EXPECT_EQ(reader.string_value(), "x");
  ASSERT_FALSE(reader.next_member(key));
  reader.finish();
}

TEST(Json, DecodesEscapes) {
  EXPECT_EQ(parse_string(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(parse_string(R"("\u0041\u00e9\u20AC")"), "A\u00e9\u20ac");
  EXPECT_EQ(parse_string(R"("\ud83d\ude00")"), "\U0001F600");
  EXPECT_EQ(parse_string(R"("\u0000")"), std::string(1, '\0'));
}

TEST(Json, PassesUtf8Through) {
  EXPECT_EQ(parse_string("\"\u00e9\u20ac\U0001F600\""), "\u00e9\u20ac\U0001F600");
}

TEST(Json, RejectsBadStrings) {
  for (const std::string_view text :
       {"\"abc", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"a\nb\"", "\"\\ud83d\"",
        "\"\\ud83d\\u0041\"", "\"\\ude00\"", "\"\\ud83dx\"", "\"\xff\"", "\"\xc0\xaf\"",
        "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\"", "\"\xc3", "abc", "1", ""}) {
    EXPECT_THROW((void)parse_string(text), Error) << text;
  }
}

TEST(Json, ReadsCounts) {
  EXPECT_EQ(parse_count("0"), 0);
  EXPECT_EQ(parse_count(" 42 "), 42);
  EXPECT_EQ(parse_count("9223372036854775807"), INT64_MAX);
}

TEST(Json, RejectsOtherNumbers) {
  for (const std::string_view text :
       {"-1", "+1", "01", "00", "1.0", "1e3", "1E3", ".5", "9223372036854775808",
        "99999999999999999999", "NaN", "true", "\"1\"", ""}) {
    EXPECT_THROW((void)parse_count(text), Error) << text;
  }
}

TEST(Json, RejectsWrongPunctuation) {
  for (const std::string_view text :
       {"[1 2]", "[1,,2]", "[,1]", "[1,]", "[1", "[", "[1}", "[1]x", "{}"}) {
    EXPECT_THROW(
        {
          JsonReader reader(text, "json");
          reader.begin_array();
          while (reader.next_element()) (void)reader.count_value();
          reader.finish();
        },
        Error)
        << text;
  }
  for (const std::string_view text : {"{\"a\"1}", "{\"a\":1,}", "{a:1}", "{\"a\":1 \"b\":2}"}) {
    EXPECT_THROW(
        {
          JsonReader reader(text, "json");
          std::string key;
          reader.begin_object();
          while (reader.next_member(key)) (void)reader.count_value();
          reader.finish();
        },
        Error)
        << text;
  }
}

TEST(Json, LimitsDepth) {
  const std::string text(1000, '[');
  JsonReader reader(text, "json");
  const std::string message = input_error_of([&] {
    for (int i = 0; i < 1000; ++i) {
      reader.begin_array();
      (void)reader.next_element();
    }
  });
  EXPECT_CONTAINS(message, "too deeply");
}

TEST(Json, ErrorsNameOriginAndPlace) {
  JsonReader reader("{\"a\":x}", "clip.safetensors");
  std::string key;
  reader.begin_object();
  ASSERT_TRUE(reader.next_member(key));
  const std::string message = input_error_of([&] { (void)reader.count_value(); });
  EXPECT_CONTAINS(message, "clip.safetensors");
  EXPECT_CONTAINS(message, "byte 5");
}

TEST(Json, QuotingIsTheReverseOfReading) {
  std::string all;
  for (char c = 0; c < 127; ++c) all += c;
  all += "\u00e9\u20ac\U0001F600";
  std::string json;
  append_json_string(json, all);
  EXPECT_EQ(parse_string(json), all);
}

TEST(Json, QuotesForPeopleCutLongText) {
  EXPECT_EQ(in_quotes("a\x1b[2J"), "\"a\\u001b[2J\"");
  const std::string cut = in_quotes(std::string(79, 'x') + "\u20ac\u20ac");
  EXPECT_EQ(cut, "\"" + std::string(79, 'x') + "\"…");
  EXPECT_LT(in_quotes(std::string(1 << 20, 'x')).size(), 200U);
}

}  // namespace
}  // namespace sluice::stream
