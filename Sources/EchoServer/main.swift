import Glibc
import Net

let usage = """
    usage: websocket-echo-server --port N [OPTIONS]

    Listens on 127.0.0.1 and prints its address. Port 0 takes a free one.
      /echo   every message comes back
      /bcast  every message goes to all who are here
      /pub    every message goes to all who are at /bcast

      --connections N        lets in N at once instead of 1,000; each takes a file descriptor
      --tls                  speaks TLS 1.3 beside plain TCP, with a certificate made for this run
      --deflate              compresses messages if the client offers to
      --no-context-takeover  with --deflate: compresses each message by itself
      --origin ORIGIN        lets web pages of that origin in, as in https://chat.example; may be repeated
      --subprotocol NAME     chooses this one if the client offers it; may be repeated, best first
    """

func complain(_ text: String) {
    let line = Array((text + "\n").utf8)
    _ = write(STDERR_FILENO, line, line.count)
}

guard let options = Options(CommandLine.arguments.dropFirst()) else {
    complain(usage)
    exit(2)
}

do {
    try EventLoop.run { loop in
        let server = try EchoServer(loop: loop, options)
        print("\(options.speaksTLS ? "wss" : "ws")://\(server.address)/echo")
        fflush(nil)
        // The signals keep the server, and the loop keeps the signals.
        _ = try SignalSource(loop: loop, signals: [.terminate, .interrupt]) { _ in server.stop() }
    }
} catch {
    complain("websocket-echo-server: \(error)")
    exit(1)
}
