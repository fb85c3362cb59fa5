import Bytes
package import Wire

/// A command as it is asked for: on the command line, or as one JSON object in a line of the socket.
package struct AdminRequest: Hashable, Sendable {
    package let verb: AdminVerb
    package private(set) var values: [AdminVerb.Argument: String] = [:]
    package var key: String?
    package var isConfirmed = false

    package init(_ verb: AdminVerb, name: ServerName, key: IdentityKey? = nil) {
        self.verb = verb
        values[.name] = name.text
        self.key = key?.text
    }

    /// `words` begins with those of the verb.
    init(_ verb: AdminVerb, _ line: ArgumentList) throws(UsageError) {
        self.verb = verb
        let own = verb.rawValue.split(separator: " ").count
        let row = verb.row
        try line.allow(
            Set(["--setup", "--json"] + row.options.map(\.word)), words: own - 1 + row.arguments.count)
        for (index, argument) in row.arguments.enumerated() {
            guard own + index < line.words.count else { throw UsageError("say: \(verb.usage)") }
            values[argument] = line.words[own + index]
        }
        if row.options.contains(.key) { key = line.value(AdminVerb.Option.key.word) }
        isConfirmed = row.options.contains(.yes) && line.has(AdminVerb.Option.yes.word)
        do throws(Refusal) { _ = try AdminCommand(self) } catch { throw UsageError(error.text) }
    }

    package init(_ object: JSONObject) throws(Refusal) {
        let word = try object.string("do", bytesMax: AdminRequest.valueBytesMax)
        guard let verb = AdminVerb(rawValue: word) else {
            throw Refusal(
                .unknownTag, "this node knows no such command; it may be older than the program that asks it")
        }
        self.verb = verb
        for argument in verb.row.arguments {
            values[argument] = try object.string(argument.rawValue, bytesMax: AdminRequest.valueBytesMax)
        }
        if verb.row.options.contains(.key) {
            key = try object.optionalString(AdminVerb.Option.key.rawValue, bytesMax: AdminRequest.valueBytesMax)
        }
        if verb.row.options.contains(.yes) { isConfirmed = try object.flag(AdminVerb.Option.yes.rawValue) }
    }

    /// A line of the socket.
    package func encoded() -> [UInt8] {
        JSONWriter.line { writer in
            writer.member("do", verb.rawValue)
            for argument in verb.row.arguments { writer.member(argument.rawValue, values[argument] ?? "") }
            if let key { writer.member(AdminVerb.Option.key.rawValue, key) }
            if isConfirmed { writer.member(AdminVerb.Option.yes.rawValue, true) }
        }
    }

    /// As it is typed, for the log.
    package var words: String {
        ([verb.rawValue] + verb.row.arguments.compactMap { values[$0] }).joined(separator: " ")
    }

    /// The modes of the socket and its folder keep other users out. Somebody may widen both, for a backup say, and does
    /// not mean this by it.
    /// - Parameter user: who connected, if that is known.
    package static func isAllowed(for user: UInt32?, owner: UInt32) -> Bool { user == owner || user == 0 }

    /// Of one line: twice the longest command of today.
    package static let bytesMax = 4096
    /// Of one member; an address is the longest.
    private static let valueBytesMax = PeerTarget.bytesMax

    fileprivate func name() throws(Refusal) -> ServerName {
        do throws(AddressError) { return try ServerName(values[.name] ?? "") } catch {
            throw Refusal(.badAddress, "NAME: \(error.text)")
        }
    }

    fileprivate func address() throws(Refusal) -> PeerTarget {
        try PeerTarget(values[.address] ?? "", named: AdminVerb.Argument.address.word)
    }

    fileprivate func identityKey() throws(Refusal) -> IdentityKey? {
        guard let key else { return nil }
        guard let parsed = IdentityKey(key) else {
            throw Refusal(.badValue, "--key takes ed25519: and the base64 of 32 bytes, as postroad-node key prints it")
        }
        return parsed
    }
}

/// A command that was understood.
package enum AdminCommand: Hashable, Sendable {
    case list
    case why(ServerName)
    case test(ServerName)
    case retry(ServerName)
    case pause(ServerName)
    case resume(ServerName)
    /// Without a key it can be read, but not be done: whoever trusts says what.
    case trust(ServerName, IdentityKey?)
    case add(ServerName, PeerTarget, IdentityKey?)
    case remove(ServerName, isConfirmed: Bool)
    case rotateKey

    package init(_ request: AdminRequest) throws(Refusal) {
        switch request.verb {
        case .list: self = .list
        case .why: self = .why(try request.name())
        case .test: self = .test(try request.name())
        case .retry: self = .retry(try request.name())
        case .pause: self = .pause(try request.name())
        case .resume: self = .resume(try request.name())
        case .trust: self = .trust(try request.name(), try request.identityKey())
        case .add: self = .add(try request.name(), try request.address(), try request.identityKey())
        case .remove: self = .remove(try request.name(), isConfirmed: request.isConfirmed)
        case .rotate: self = .rotateKey
        }
    }
}
