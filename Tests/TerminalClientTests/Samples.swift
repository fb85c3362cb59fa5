import ChatClient
import TerminalClient
import Wire

/// Values that several tests use.
struct Samples {
    /// What a terminal would obey, in the order in which it would hurt.
    static let foul =
        "\u{1B}[2J\u{1B}]0;x\u{7}\u{7F}\u{85}\u{9B}31m\u{202E}\u{2066}\u{2028}\u{2029}\u{200B}\u{E0041}\u{0}\r\nnext"

    let alice: Address
    let bob: Address
    let id: MessageID
    let key: DeviceKey

    init() throws {
        alice = try Address(parsing: "alice@s1")
        bob = try Address(parsing: "bob@s2")
        guard let id = MessageID("0191f2b0-0000-7000-8000-000000000001"),
            let fingerprint = Fingerprint(bytes: (0..<32).map { UInt8($0) }),
            let account = IdentityKey(bytes: [UInt8](repeating: 1, count: 32))
        else { throw Refusal(.badID, "the samples are wrong") }
        self.id = id
        key = DeviceKey(fingerprint: fingerprint, key: [1], account: account, signature: [2])
    }

    /// Hours and minutes of UTC on one day.
    static func time(_ milliseconds: Int64) -> LocalTime {
        LocalTime(
            year: 2026, month: 11, day: 21 + Int(milliseconds / 86_400_000), hour: Int(milliseconds / 3_600_000 % 24),
            minute: Int(milliseconds / 60_000 % 60))
    }

    func message(
        _ content: MessageContent?, from: Address, in conversation: Conversation = .everyone, seq: Int64 = 1,
        at: Int64 = 0
    ) -> ShownMessage {
        let envelope = Envelope(id: id, from: from, to: conversation, at: at, body: .text("x"))
        return ShownMessage(Entry(seq: seq, envelope: envelope), in: conversation, content)
    }

    func offer(_ name: String) -> FileOffer {
        let zeros = [UInt8](repeating: 0, count: 32)
        return FileOffer(name: name, bytes: 1_234_567, digest: zeros, key: zeros, chain: zeros)
    }

    func file(
        _ state: FileProgress.State, from: Address, name: String = "a.txt", bytes: Int64 = 0, path: String? = nil,
        speed: Int64? = nil, reason: Refusal? = nil
    ) -> FileProgress {
        FileProgress(
            number: 3, id: id, state: state, from: from, to: .direct(from == alice ? bob : alice), name: name,
            bytes: bytes, of: 1_234_567, path: path, bytesPerSecond: speed, reason: reason)
    }

    /// One of every event with this text wherever others may put one.
    func everyEvent(saying text: String) -> [ClientEvent] {
        let refusal = Refusal(.outboxFull, text)
        let token = CommandToken(1)
        var events: [ClientEvent] = [
            .connected(alice), .disconnected(reason: text, retryIn: .seconds(1)),
            .error(code: text, text: text, answering: nil), .error(code: text, text: text, answering: token),
            .gap(.everyone, 1...Int64.max, answering: nil), .gap(.direct(bob), 3...3, answering: token), .done(token),
        ]
        for from in [alice, bob] {
            for content in [MessageContent.text(text), .file(offer(text)), nil] {
                for conversation in [Conversation.everyone, .direct(bob)] {
                    events.append(.message(message(content, from: from, in: conversation), answering: nil))
                    events.append(.message(message(content, from: from, in: conversation), answering: token))
                }
            }
            for state in [
                FileProgress.State.offered, .sending, .receiving, .complete, .failed, .cancelled,
            ] {
                let progress = file(state, from: from, name: text, bytes: 77, path: text, speed: 9, reason: refusal)
                events += [.file(progress, answering: nil), .file(progress, answering: token)]
            }
        }
        for state in [
            SendState.pending(nil), .pending(.noKeys), .pending(.keyChanged), .accepted(waiting: [bob.server]),
            .delivered, .failed(refusal), .unconfirmed(waiting: [bob.server]),
        ] {
            events += [.state(id, state, answering: token), .state(id, state, answering: nil)]
        }
        for status in [Person.Status.online, .offline, .unknown] {
            let person = Person(address: bob, status: status, devices: [key.fingerprint])
            events += [.person(person, answering: nil), .person(person, answering: token)]
        }
        for change in [KeyChange.first, .added, .replaced, nil] {
            events += [
                .key(key, of: bob, change: change, answering: nil),
                .key(key, of: bob, change: change, answering: token),
            ]
        }
        return events
    }
}
