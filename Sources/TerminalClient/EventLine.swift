import Bytes
package import ChatClient
import Wire

/// Events as lines of JSON. Stable: members are added, never changed or taken away.
package enum EventLine {
    /// The line, its line feed included, harmless to a terminal. `ref` is what the command carried that the event
    /// answers.
    package static func encode(_ event: ClientEvent, ref: CommandRef?) -> [UInt8] {
        line { writer in
            write(event, into: &writer)
            if let ref { write(ref, into: &writer) }
        }
    }

    /// An error that the program itself tells.
    package static func error(_ code: String, _ text: String, ref: CommandRef?) -> [UInt8] {
        encode(.error(code: code, text: text, answering: nil), ref: ref)
    }

    /// The end of a command that never reached the client.
    package static func done(ref: CommandRef?) -> [UInt8] { encode(.done(CommandToken(0)), ref: ref) }

    private static func line(_ content: (inout JSONWriter) -> Void) -> [UInt8] {
        var line = TerminalText.escape(JSONWriter.object(content))
        line.append(0x0A)
        return line
    }

    private static func write(_ event: ClientEvent, into writer: inout JSONWriter) {
        writer.member("event", name(event))
        switch event {
        case .connected(let address):
            writer.member("address", address.text)
            writer.member("server", address.server.text)
        case .disconnected(let reason, let retryIn):
            writer.member("reason", reason)
            writer.member("retryIn", (retryIn.milliseconds + 999) / 1000)
        case .message(let message, let answering): write(message, isHistory: answering != nil, into: &writer)
        case .state(let id, let state, _):
            writer.member("id", id.text)
            write(state, into: &writer)
        case .person(let person, _):
            writer.member("address", person.address.text)
            writer.member("status", person.status.rawValue)
            if let first = person.devices.first { writer.member("fingerprint", first.text) }
        case .server(let status, let waiting):
            writer.member("server", status.server.text)
            writer.member("state", status.isReachable ? "reachable" : "unreachable")
            guard !status.isReachable else { return }
            writer.member("since", status.since)
            writer.member("waiting", Int64(waiting))
        case .key(let key, let address, let change, _):
            writer.member("address", address.text)
            writer.member("fingerprint", key.fingerprint.text)
            if let pem = Sealing.pem(of: key) { writer.member("pem", pem) }
            writer.member("account", key.account.text)
            if let change { writer.member("change", change.rawValue) }
        case .gap(let conversation, let range, _):
            writer.member("conversation", conversation.text)
            writer.member("from", range.lowerBound)
            writer.member("to", range.upperBound)
        case .file(let file, _): write(file, into: &writer)
        case .error(let code, let text, _):
            writer.member("code", code)
            writer.member("text", text)
        case .done: break
        }
    }

    private static func name(_ event: ClientEvent) -> String {
        switch event {
        case .connected: "connected"
        case .disconnected: "disconnected"
        case .message: "message"
        case .state: "state"
        case .person: "person"
        case .server: "server"
        case .key: "key"
        case .gap: "gap"
        case .file: "file"
        case .error: "error"
        case .done: "done"
        }
    }

    private static func write(_ message: ShownMessage, isHistory: Bool, into writer: inout JSONWriter) {
        writer.member("id", message.id.text)
        writer.member("conversation", message.conversation.text)
        writer.member("from", message.from.text)
        writer.member("to", message.to.text)
        switch message.content {
        case .text(let text): writer.member("text", text)
        case .file(let offer):
            writer.object("file") { writer in
                writer.member("name", offer.name)
                writer.member("of", offer.bytes)
            }
        case nil: writer.member("unreadable", true)
        }
        writer.member("encrypted", message.isEncrypted)
        writer.member("at", message.at)
        writer.member("seq", message.seq)
        if isHistory { writer.member("history", true) }
    }

    private static func write(_ file: FileProgress, into writer: inout JSONWriter) {
        writer.member("id", file.id.text)
        writer.member("number", file.number)
        writer.member("state", file.state.rawValue)
        writer.member("from", file.from.text)
        writer.member("to", file.to.text)
        writer.member("name", file.name)
        writer.member("bytes", file.bytes)
        writer.member("of", file.of)
        if let path = file.path { writer.member("path", path) }
        if let speed = file.bytesPerSecond { writer.member("bytesPerSecond", speed) }
        if let seconds = file.secondsLeft { writer.member("secondsLeft", seconds) }
        guard let reason = file.reason else { return }
        writer.member("reason", reason.code.rawValue)
        writer.member("text", reason.text)
    }

    private static func write(_ state: SendState, into writer: inout JSONWriter) {
        var waiting: [ServerName] = []
        switch state {
        case .pending(let reason):
            writer.member("state", "pending")
            if let reason { writer.member("reason", reason.rawValue) }
        case .accepted(let servers):
            writer.member("state", "accepted")
            waiting = servers
        case .delivered: writer.member("state", "delivered")
        case .failed(let refusal):
            writer.member("state", "failed")
            writer.member("reason", refusal.code.rawValue)
            writer.member("text", refusal.text)
        case .unconfirmed(let servers):
            writer.member("state", "unconfirmed")
            waiting = servers
        }
        guard !waiting.isEmpty else { return }
        writer.array("waiting") { writer in
            for server in waiting { writer.element(server.text) }
        }
    }

    private static func write(_ ref: CommandRef, into writer: inout JSONWriter) {
        switch ref {
        case .text(let text): writer.member("ref", text)
        case .number(let number): writer.member("ref", number)
        }
    }
}
