/// An HTTP/1.1 head by the strict reading of RFC 9112 §2 to §5, written as tests are: slowly and without the code
/// under test.
struct ReferenceHead {
    let startLine: [UInt8]
    /// Names in lower case, values without the white space around them.
    let fields: [(name: [UInt8], value: [UInt8])]
    /// With the empty line.
    let bytes: Int

    /// nil if `stream` does not begin with a whole and well-formed head.
    init?(_ stream: [UInt8]) {
        var lines: [[UInt8]] = []
        var line: [UInt8] = []
        var used = 0
        while lines.last?.isEmpty != true {
            guard used < stream.count else { return nil }
            let byte = stream[used]
            used += 1
            if byte != 0x0A {
                line.append(byte)
                continue
            }
            guard line.popLast() == 0x0D, line.allSatisfy({ $0 >= 32 && $0 != 127 || $0 == 9 }) else { return nil }
            lines.append(line)
            line = []
        }
        guard lines.count >= 2 else { return nil }
        var fields: [(name: [UInt8], value: [UInt8])] = []
        for line in lines[1..<(lines.count - 1)] {
            guard let colon = line.firstIndex(of: 0x3A), ReferenceHead.isToken(line[..<colon]) else { return nil }
            fields.append((ReferenceHead.lowercased(line[..<colon]), ReferenceHead.trimmed(line[(colon + 1)...])))
        }
        (startLine, self.fields, bytes) = (lines[0], fields, used)
    }

    func values(of name: String) -> [[UInt8]] { fields.filter { $0.name == Array(name.utf8) }.map(\.value) }

    /// The elements between the commas of all fields of that name; nil if one of them is not of tokens and slashes.
    func list(_ name: String) -> [[UInt8]]? {
        let elements = values(of: name).flatMap { $0.split(separator: 0x2C) }.map { ReferenceHead.trimmed($0) }
            .filter { !$0.isEmpty }
        let areSound = elements.allSatisfy { ReferenceHead.isToken($0.filter { $0 != 0x2F } + [0x61]) }
        return areSound ? elements : nil
    }

    func list(_ name: String, holds word: String) -> Bool {
        list(name)?.contains { ReferenceHead.lowercased($0) == Array(word.utf8) } == true
    }

    /// Whether RFC 6455 §4.2.1 lets a server take the head for an opening request. Extensions are judged elsewhere.
    var isOpeningRequest: Bool {
        let parts = startLine.split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].elementsEqual("GET".utf8), parts[2].elementsEqual("HTTP/1.1".utf8),
            parts[1].first == 0x2F, parts[1].allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x23 })
        else { return false }
        let (hosts, keys) = (values(of: "host"), values(of: "sec-websocket-key"))
        let hostMarks = Array("-._~%[]:".utf8)
        guard hosts.count == 1, let host = hosts.first, !host.isEmpty,
            host.allSatisfy({ ReferenceHead.isAlphanumeric($0) || hostMarks.contains($0) }),
            values(of: "content-length").isEmpty, values(of: "transfer-encoding").isEmpty,
            list("upgrade", holds: "websocket"), list("connection", holds: "upgrade"),
            values(of: "sec-websocket-version") == [Array("13".utf8)], values(of: "origin").count <= 1,
            keys.count == 1, let key = keys.first, ReferenceHead.isKey(key),
            let protocols = list("sec-websocket-protocol"), Set(protocols).count == protocols.count,
            protocols.allSatisfy({ ReferenceHead.isToken($0) })
        else { return false }
        return true
    }

    /// RFC 9110 §15.2: a status of the class 1xx, but not the 101 that a client asks for.
    var isInterimAnswer: Bool {
        let parts = startLine.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[0].elementsEqual("HTTP/1.1".utf8) else { return false }
        let isStatus = parts[1].count == 3 && parts[1].allSatisfy { (0x30...0x39).contains($0) }
        return isStatus && parts[1].first == 0x31 && !parts[1].elementsEqual("101".utf8)
    }

    /// RFC 6455 §4.1 point 7: 16 bytes in base64. The 22nd character has the upper 2 of its 6 bits left.
    private static func isKey(_ key: [UInt8]) -> Bool {
        let isLetter: (UInt8) -> Bool = { isAlphanumeric($0) || $0 == 0x2B || $0 == 0x2F }
        return key.count == 24 && key[..<22].allSatisfy(isLetter) && key[22...].elementsEqual("==".utf8)
            && "AQgw".utf8.contains(key[21])
    }

    static func isToken(_ bytes: some Collection<UInt8>) -> Bool {
        let marks = "!#$%&'*+-.^_`|~".utf8
        return !bytes.isEmpty && bytes.allSatisfy { isAlphanumeric($0) || marks.contains($0) }
    }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    static func lowercased(_ bytes: some Collection<UInt8>) -> [UInt8] {
        bytes.map { $0 >= 0x41 && $0 <= 0x5A ? $0 + 32 : $0 }
    }

    static func trimmed(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var bytes = Array(bytes)
        while bytes.last == 0x20 || bytes.last == 0x09 { bytes.removeLast() }
        while bytes.first == 0x20 || bytes.first == 0x09 { bytes.removeFirst() }
        return bytes
    }
}
