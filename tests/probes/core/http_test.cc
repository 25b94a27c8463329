// What is taken as an HTTP answer, whole and in pieces, and what is refused. The connection is
// tested with the service that it is for (instance_metadata_test.cc).
#include "probes/core/http.h"

#include <gmock/gmock.h>

#include "data/error.h"

namespace mb {
namespace {

using testing::HasSubstr;

constexpr char kLength[] = "HTTP/1.1 200 OK\r\ncontent-LENGTH: 9\r\nServer: x\r\n\r\nm7a.large";
constexpr char kChunks[] =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
    "Chunked\r\n\r\n4;name=value\r\nm7a.\r\n05\r\nlarge\r\n0\r\n\r\n";

TEST(Http, TakesALengthChunksAndTheConnectionsEnd) {
  const HttpAnswer right{200, "m7a.large"};
  EXPECT_EQ(parse_http_answer(kLength, false), right);
  EXPECT_EQ(parse_http_answer(kLength, true), right);
  EXPECT_EQ(parse_http_answer(std::string(kLength) + "and more", false), right);
  EXPECT_EQ(parse_http_answer(kChunks, false), right);
  const std::string until_end = "HTTP/1.0 200\r\n\r\nm7a.large";
  EXPECT_EQ(parse_http_answer(until_end, false), std::nullopt);
  EXPECT_EQ(parse_http_answer(until_end, true), right);
  EXPECT_EQ(parse_http_answer("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", false),
            (HttpAnswer{404, ""}));
}

TEST(Http, APartIsNoAnswerYetAndNeverAnotherOne) {
  for (const std::string whole : {kLength, kChunks}) {
    bool complete = false;
    for (std::size_t bytes = 0; bytes <= whole.size(); ++bytes) {
      const auto answer = parse_http_answer(whole.substr(0, bytes), false);
      EXPECT_EQ(answer ? answer->body : "m7a.large", "m7a.large") << bytes;
      EXPECT_TRUE(answer || !complete) << bytes;
      complete = answer.has_value();
    }
    EXPECT_TRUE(complete);
  }
}

struct RefusedAnswer {
  std::string bytes, why;
};

TEST(Http, RefusesWhatIsNotPlainlyHttp) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::vector<RefusedAnswer> table = {
      {"\x16\x03\x01\x02", "not HTTP/1"},
      {"HTTP/2 200\r\n\r\n", "not HTTP/1"},
      {"HTTP/1.1 2x0 OK\r\n\r\n", "first line"},
      {"HTTP/1.1 999 OK\r\n\r\n", "first line"},
      {"HTTP/1.1\r\n\r\n", "first line"},
      {"HTTP/1.x 200 OK\r\n\r\n", "first line"},
      {"HTTP/1.1 2000\r\n\r\n", "first line"},
      {ok + "no colon\r\n\r\n", "no name"},
      {ok + ": value\r\n\r\n", "no name"},
      {ok + "Content-Length: -1\r\n\r\n", "length"},
      {ok + "Content-Length: 1e3\r\n\r\n", "length"},
      {ok + "Content-Length: 99999999999999999999\r\n\r\n", "length"},
      {ok + "Content-Length: 5000\r\n\r\n", "too large"},
      {ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "length"},
      {ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na", "a length and chunks"},
      {ok + "Transfer-Encoding: gzip\r\n\r\n", "encoding"},
      {ok + "Transfer-Encoding: chunked\r\n\r\nx\r\n", "no number"},
      {ok + "Transfer-Encoding: chunked\r\n\r\n\r\n", "no number"},
      {ok + "Transfer-Encoding: chunked\r\n\r\n-1\r\na\r\n", "no number"},
      {ok + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", "no number"},
      {ok + "Transfer-Encoding: chunked\r\n\r\nffff\r\n", "too large"},
      {ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", "does not end"}};
  for (const RefusedAnswer& one : table) {
    try {
      parse_http_answer(one.bytes, false);
      ADD_FAILURE() << "taken: " << one.bytes;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kNotAvailable);
      EXPECT_THAT(error.what(), HasSubstr(one.why)) << one.bytes;
    }
  }
}

TEST(Http, AnEndBeforeTheLastByteIsRefused) {
  for (const std::string whole : {kLength, kChunks}) {
    const std::size_t last = whole.find("large") + 4;  // of the body
    for (std::size_t bytes = 0; bytes < last; ++bytes) {
      EXPECT_THROW(parse_http_answer(whole.substr(0, bytes), true), Error) << bytes;
    }
  }
}

}  // namespace
}  // namespace mb
