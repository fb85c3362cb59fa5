// An echo server by Boost.Beast, on one thread, as its examples are written: one read and one write under way for each
// connection. Messages that wait to be written are shared.
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <iostream>
#include <memory>
#include <sys/resource.h>
#include <unordered_set>

namespace beast = boost::beast;
namespace net = boost::asio;
using tcp = net::ip::tcp;

class Session;

struct Message {
  std::string bytes;
  bool is_text;
};

static std::unordered_set<Session*> readers;

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(tcp::socket socket) : ws_(std::move(socket)) {
    ws_.next_layer().set_option(tcp::no_delay(true));
    ws_.auto_fragment(false);
  }
  ~Session() { readers.erase(this); }

  void open() {
    beast::http::async_read(ws_.next_layer(), buffer_, request_, [self = shared_from_this()](auto error, size_t) {
      if (!error) self->answer();
    });
  }

 private:
  void answer() {
    path_ = std::string(request_.target());
    if (path_ != "/echo" && path_ != "/bcast" && path_ != "/pub") return;
    ws_.async_accept(request_, [self = shared_from_this()](auto error) {
      if (error) return;
      self->request_ = {};
      if (self->path_ == "/bcast") readers.insert(self.get());
      self->read();
    });
  }

  void read() {
    ws_.async_read(buffer_, [self = shared_from_this()](auto error, size_t) {
      if (error) return self->ended();
      auto message = std::make_shared<Message>(Message{beast::buffers_to_string(self->buffer_.data()), self->ws_.got_text()});
      self->buffer_.consume(self->buffer_.size());
      if (self->path_ == "/echo") {
        self->send(message);
      } else {
        for (auto* reader : readers) reader->send(message);
      }
      self->read();
    });
  }

  void ended() { readers.erase(this); }

  void send(std::shared_ptr<Message> message) {
    waiting_.push_back(std::move(message));
    if (waiting_.size() == 1) write();
  }

  void write() {
    ws_.text(waiting_.front()->is_text);
    ws_.async_write(net::buffer(waiting_.front()->bytes), [self = shared_from_this()](auto error, size_t) {
      if (error) return self->ended();
      self->waiting_.pop_front();
      if (!self->waiting_.empty()) self->write();
    });
  }

  beast::websocket::stream<tcp::socket> ws_;
  beast::flat_buffer buffer_;
  beast::http::request<beast::http::empty_body> request_;
  std::string path_;
  std::deque<std::shared_ptr<Message>> waiting_;
};

static void accept(tcp::acceptor& acceptor) {
  acceptor.async_accept([&acceptor](auto error, tcp::socket socket) {
    if (!error) std::make_shared<Session>(std::move(socket))->open();
    accept(acceptor);
  });
}

int main(int argc, char** argv) {
  if (argc != 3 || std::strcmp(argv[1], "--port")) {
    std::cerr << "usage: beast --port N\n";
    return 2;
  }
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  net::io_context loop(1);
  tcp::endpoint endpoint(net::ip::address_v4::loopback(), static_cast<unsigned short>(std::atoi(argv[2])));
  tcp::acceptor acceptor(loop);
  acceptor.open(endpoint.protocol());
  acceptor.set_option(tcp::acceptor::reuse_address(true));
  acceptor.bind(endpoint);
  acceptor.listen(4096);
  std::cout << "ws://127.0.0.1:" << acceptor.local_endpoint().port() << "/echo" << std::endl;
  accept(acceptor);
  loop.run();
}
