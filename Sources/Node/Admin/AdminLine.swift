import Bytes
package import Federation
package import Wire

/// What a node answers on its socket: any number of lines with what was asked for, and then `done` or `refused`.
package enum AdminLine: Hashable, Sendable {
    case link(LinkReport)
    case step(ProbeStep)
    case done(AdminOutcome)
    case refused(Refusal, AdminFacts)

    /// Nothing follows.
    package var isLast: Bool {
        switch self {
        case .link, .step: false
        case .done, .refused: true
        }
    }
}

/// What a sentence says in words, for programs.
package struct AdminFacts: Hashable, Sendable {
    /// Keys before and after, or known and offered.
    package var old: IdentityKey?
    package var new: IdentityKey?
    /// Messages that wait.
    package var queued: Int64?

    package init(old: IdentityKey? = nil, new: IdentityKey? = nil, queued: Int64? = nil) {
        self.old = old
        self.new = new
        self.queued = queued
    }
}

/// A command is done.
package struct AdminOutcome: Hashable, Sendable {
    /// A sentence; empty where the lines before say it all.
    package let text: String
    package let facts: AdminFacts

    package init(_ text: String = "", _ facts: AdminFacts = AdminFacts()) {
        self.text = text
        self.facts = facts
    }
}

extension AdminOutcome {
    /// This server has a new key.
    static func rotated(_ name: ServerName, from old: IdentityKey, to new: IdentityKey) -> AdminOutcome {
        AdminOutcome(
            "\(name) has a new key, \(new). Servers and clients that know the old one follow by themselves; who wrote it into "
                + "a setup file is warned. Back up server.key, digest.key and rotations.json now",
            AdminFacts(old: old, new: new))
    }
}

extension AdminLine {
    package var tag: String {
        switch self {
        case .link: "link"
        case .step: "step"
        case .done: "done"
        case .refused: "refused"
        }
    }

    /// What another server or a name service chose is made harmless here: the line may go to a terminal as it is.
    package func encoded() -> [UInt8] {
        JSONWriter.line { writer in
            writer.member("tag", tag)
            switch self {
            case .link(let report): report.encode(into: &writer)
            case .step(let step): step.encode(into: &writer)
            case .done(let outcome):
                if !outcome.text.isEmpty { writer.member("text", SafeText(outcome.text).text) }
                outcome.facts.encode(into: &writer)
            case .refused(let refusal, let facts):
                refusal.encodeSafely(into: &writer)
                facts.encode(into: &writer)
            }
        }
    }

    package init(_ object: JSONObject) throws(Refusal) {
        switch try object.string("tag", bytesMax: 64) {
        case "link": self = .link(try LinkReport(object))
        case "step": self = .step(try ProbeStep(object))
        case "done":
            let text = try object.optionalString("text", bytesMax: AdminLine.textBytesMax) ?? ""
            self = .done(AdminOutcome(text, try AdminFacts(object)))
        case "refused":
            self = .refused(try Refusal(object, textBytesMax: AdminLine.textBytesMax), try AdminFacts(object))
        default: throw Refusal(.unknownTag, "the node answers in a way that is not known here")
        }
    }

    /// Of one line.
    package static let bytesMax = 64 << 10
    /// Harmless text may be nine times as long as what it was made of.
    static let textBytesMax = 16 << 10
}

extension AdminFacts {
    fileprivate func encode(into writer: inout JSONWriter) {
        if let old { writer.member("old", old.text) }
        if let new { writer.member("new", new.text) }
        if let queued { writer.member("queued", queued) }
    }

    fileprivate init(_ object: JSONObject) throws(Refusal) {
        old = try object.optionalKey("old")
        new = try object.optionalKey("new")
        queued = try object.optionalInteger("queued", in: 0...Int64.max)
    }
}

extension Refusal {
    func encodeSafely(into writer: inout JSONWriter) {
        writer.member("code", code.rawValue)
        writer.member("text", SafeText(text).text)
    }

    init(_ object: JSONObject, textBytesMax: Int) throws(Refusal) {
        let word = try object.string("code", bytesMax: 64)
        self.init(
            Code(rawValue: word) ?? .badValue, try object.string("text", bytesMax: textBytesMax))
    }
}

extension JSONObject {
    func optionalKey(_ name: String) throws(Refusal) -> IdentityKey? {
        has(name) ? try identityKey(name) : nil
    }

    func optionalServerName(_ name: String) throws(Refusal) -> ServerName? {
        has(name) ? try serverName(name) : nil
    }

    /// One of the words of an enumeration.
    func choice<Choice: RawRepresentable<String>>(_ name: String, _: Choice.Type) throws(Refusal) -> Choice {
        guard let choice = Choice(rawValue: try string(name, bytesMax: 64)) else {
            throw Refusal(.badValue, "\"\(name)\" is a word that is not known here")
        }
        return choice
    }
}
