import Bytes

/// A server's word that it changed its key: signed by the old one, so that whoever knows that key believes it, and by
/// the new one, so that nobody takes another's key for their own.
package struct KeyRotation: Hashable, Sendable {
    package let old: IdentityKey
    package let new: IdentityKey
    /// By the server's clock, in milliseconds since 1970; for people, and decides nothing.
    package let at: Int64
    /// Ed25519 over `transcript`, 64 bytes each.
    package let signatureByOld: [UInt8]
    package let signatureByNew: [UInt8]

    package init(
        old: IdentityKey, new: IdentityKey, at: Int64, signatureByOld: [UInt8], signatureByNew: [UInt8]
    ) {
        self.old = old
        self.new = new
        self.at = at
        self.signatureByOld = signatureByOld
        self.signatureByNew = signatureByNew
    }

    /// A hello carries the newest; whoever missed more of them asks an administrator.
    package static let countMax = 8

    /// What both keys sign.
    package static func transcript(server: ServerName, old: IdentityKey, new: IdentityKey, at: Int64) -> [UInt8] {
        var transcript: [UInt8] = []
        transcript.appendField("postroad-key-rotation-1")
        transcript.appendField(server.text)
        transcript.appendField(old.bytes)
        transcript.appendField(new.bytes)
        transcript.appendField(String(at))
        return transcript
    }

    /// One signature that has to be right.
    package struct Check: Hashable, Sendable {
        package let key: IdentityKey
        package let transcript: [UInt8]
        package let signature: [UInt8]

        package init(key: IdentityKey, transcript: [UInt8], signature: [UInt8]) {
            self.key = key
            self.transcript = transcript
            self.signature = signature
        }
    }

    /// Whoever believes the statement has made both checks; the old key's comes first.
    package func checks(for server: ServerName) -> [Check] {
        let transcript = KeyRotation.transcript(server: server, old: old, new: new, at: at)
        return [
            Check(key: old, transcript: transcript, signature: signatureByOld),
            Check(key: new, transcript: transcript, signature: signatureByNew),
        ]
    }
}

extension [KeyRotation] {
    /// Oldest first, each begins with the key that the one before ended with, and no key comes back.
    package var isChain: Bool {
        var seen: Set<IdentityKey> = []
        for (index, rotation) in enumerated() {
            if index == 0 { seen.insert(rotation.old) }
            guard index == 0 || self[index - 1].new == rotation.old, seen.insert(rotation.new).inserted else {
                return false
            }
        }
        return true
    }

    /// The part of a chain that leads from `known` to `key`; nil if it does not. Nothing is believed before its
    /// signatures are checked.
    package func path(from known: IdentityKey, to key: IdentityKey) -> [KeyRotation]? {
        guard isChain, last?.new == key, let start = firstIndex(where: { $0.old == known }) else { return nil }
        return Array(self[start...])
    }

    func encode(into writer: inout JSONWriter) {
        guard !isEmpty else { return }
        writer.array("rotations") { array in
            for rotation in self {
                array.object { writer in
                    writer.member("old", rotation.old.text)
                    writer.member("new", rotation.new.text)
                    writer.member("at", rotation.at)
                    writer.member("byOld", base64: rotation.signatureByOld)
                    writer.member("byNew", base64: rotation.signatureByNew)
                }
            }
        }
    }

    /// The member `rotations` of a hello that shows `key`; empty if it is not there.
    init(_ object: JSONObject, endingWith key: IdentityKey) throws(Refusal) {
        self = try [KeyRotation](stored: object)
        guard isChain, last == nil || last?.new == key else {
            throw Refusal(
                .badRotation,
                "\"rotations\" go from \"old\" to \"new\" in order, and the last \"new\" is the \"key\" of the hello")
        }
    }

    /// As a file holds them, which may be ahead of the key beside it.
    package init(stored object: JSONObject) throws(Refusal) {
        self = []
        guard object.has("rotations") else { return }
        for item in try object.objects("rotations", countMax: KeyRotation.countMax) {
            append(
                KeyRotation(
                    old: try item.identityKey("old"), new: try item.identityKey("new"),
                    at: try item.integer("at", in: 0...Envelope.atMax),
                    signatureByOld: try item.bytes("byOld", count: 64...64),
                    signatureByNew: try item.bytes("byNew", count: 64...64)))
        }
    }

    package func stored() -> [UInt8] { JSONWriter.object { encode(into: &$0) } }
}
