import Bytes

/// What both SCRAM machines need to read a message (RFC 5802 §7).
enum ScramMessage {
    /// The longest legitimate message, with a channel binding and the longest nonces, has about 700 bytes.
    static let bytesMax = 2048
    /// RFC 5802 §5.1 leaves the form of a nonce open. Below 16 characters it could be guessed.
    static let nonceCharacters = 16...128

    struct Attribute {
        let name: UInt8
        let value: [UInt8]
    }

    /// The bytes of `text` if it is short enough to be looked at.
    static func bytes(of text: String) throws(ScramFault) -> [UInt8] {
        guard text.utf8.count <= bytesMax else { throw .tooLong }
        return Array(text.utf8)
    }

    /// Reads `bytes` as exactly the attributes called `names`, in that order, with unknown ones at `extensionsAt`:
    /// RFC 5802 §5.1 wants those ignored where its grammar allows them. Attributes the RFC defines are never taken
    /// for extensions, so none can occur twice.
    static func attributes(
        _ names: String, extensionsAt place: Int, in bytes: some Collection<UInt8>
    ) throws(ScramFault) -> [[UInt8]] {
        var attributes: [Attribute] = []
        for part in bytes.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            guard let attribute = attribute(Array(part)) else { throw .malformed }
            attributes.append(attribute)
        }
        // RFC 5802 §5.1: "m" must make the exchange fail, wherever it stands.
        guard !attributes.contains(where: { $0.name == UInt8(ascii: "m") }) else { throw .extensionRefused }
        let extensionCount = attributes.count - names.utf8.count
        guard extensionCount >= 0 else { throw .malformed }
        let extensions = attributes[place..<(place + extensionCount)]
        guard extensions.allSatisfy({ !"acenpmrisv".utf8.contains($0.name) }) else { throw .malformed }
        attributes.removeSubrange(place..<(place + extensionCount))
        guard attributes.map(\.name) == Array(names.utf8) else { throw .malformed }
        return attributes.map(\.value)
    }

    /// RFC 5802 §7: attr-val = ALPHA "=" 1*value-char. Control characters are refused beyond what it says.
    private static func attribute(_ part: [UInt8]) -> Attribute? {
        guard part.count >= 3, part[1] == UInt8(ascii: "="), part.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            return nil
        }
        let isLetter = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(part[0] | 0x20)
        return isLetter ? Attribute(name: part[0], value: Array(part[2...])) : nil
    }

    /// A positive decimal number without leading zeros, at most 8 digits.
    static func number(_ digits: some Collection<UInt8>) -> Int? {
        guard (1...8).contains(digits.count), digits.first != UInt8(ascii: "0") else { return nil }
        var number = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            number = number * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return number
    }

    /// RFC 5802 §5.1: in a name, "," is written "=2C" and "=" is written "=3D"; no other "=" may occur.
    static func unescape(_ name: [UInt8]) -> String? {
        var plain: [UInt8] = []
        var rest = name[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "=") else {
                plain.append(byte)
                continue
            }
            switch rest.prefix(2) {
            case [UInt8(ascii: "2"), UInt8(ascii: "C")]: plain.append(UInt8(ascii: ","))
            case [UInt8(ascii: "3"), UInt8(ascii: "D")]: plain.append(UInt8(ascii: "="))
            default: return nil
            }
            rest = rest.dropFirst(2)
        }
        return String(validating: plain, as: UTF8.self)
    }

    static func escape(_ name: String) -> [UInt8] {
        name.utf8.flatMap { byte in
            switch byte {
            case UInt8(ascii: ","): Array("=2C".utf8)
            case UInt8(ascii: "="): Array("=3D".utf8)
            default: [byte]
            }
        }
    }

    /// Bitwise exclusive or of two strings of equal length.
    static func xor(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] { zip(left, right).map { $0 ^ $1 } }
}

/// One side's contribution to the freshness of an exchange: 16 to 128 printable ASCII characters, no comma.
package struct ScramNonce: Equatable, Sendable {
    let bytes: [UInt8]

    package init(text: String) throws(ScramFault) { try self.init(Array(text.utf8.prefix(129))) }

    init(_ bytes: [UInt8]) throws(ScramFault) {
        guard ScramMessage.nonceCharacters.contains(bytes.count),
            bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ",") })
        else { throw .nonceRefused }
        self.bytes = bytes
    }

    /// 24 random bytes as 32 characters of base64.
    package static func random() throws(ScramFault) -> ScramNonce {
        guard let bytes = try? SecureRandom.bytes(24) else { throw .cryptoFailed }
        return try ScramNonce(text: Base64.encode(bytes))
    }
}

/// What a client says about the TLS connection below (RFC 5802 §6).
package enum ScramBinding: Equatable, Sendable {
    /// `n`: the client does not bind, as over plain TCP.
    case none
    /// `y`: the client could, but saw no offer. A server that did offer knows by this that somebody cut it out.
    case notOffered
    /// `p=tls-exporter` (RFC 9266): with the 32 bytes that both ends export from this very connection.
    case exporter([UInt8])

    /// The header that opens client-first and is repeated, under the proof, in client-final.
    var header: [UInt8] {
        switch self {
        case .none: Array("n,,".utf8)
        case .notOffered: Array("y,,".utf8)
        case .exporter: Array("p=tls-exporter,,".utf8)
        }
    }

    /// RFC 5802 §7: cbind-input = gs2-header [ cbind-data ].
    var input: [UInt8] {
        if case .exporter(let data) = self { header + data } else { header }
    }
}
