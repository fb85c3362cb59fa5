import Glibc
import Net
import WebSocketTransport

let usage = """
    usage: websocket-echo-client [OPTIONS] ws://HOST[:PORT][/PATH]

    Sends each line of its input as a text message and prints what comes back. A wss:// address is dialled under
    TLS 1.3; to try things out, for whose certificate it is, is not checked.
      --deflate              offers to compress messages
      --no-context-takeover  with --deflate: each message by itself
      --subprotocol NAME     offers this one; may be repeated, best first
      --autobahn             is a client of the Autobahn test suite at this address: runs all cases, echoing
    """

func complain(_ text: String) {
    let line = Array((text + "\n").utf8)
    _ = write(STDERR_FILENO, line, line.count)
}

/// Returns why it failed, nil if it did not.
func run(_ options: Options) throws -> String? {
    var failure: String?
    var client: (any EndpointHandler)?
    try EventLoop.run { loop in
        let dialler = try Dialler(loop: loop, options)
        let finish = { (reason: String?) in
            failure = reason
            loop.stop()
        }
        client = options.isSuiteRun ? SuiteRun(dialler, finish: finish) : Conversation(dialler, finish: finish)
    }
    return withExtendedLifetime(client) { failure }
}

guard let options = Options(CommandLine.arguments.dropFirst()) else {
    complain(usage)
    exit(2)
}
do {
    guard let failure = try run(options) else { exit(0) }
    complain("websocket-echo-client: \(failure)")
} catch {
    complain("websocket-echo-client: \(error)")
}
exit(1)
