import Bytes
import WebSocket
import Wire

/// The small readers below the vocabularies: base64, hexadecimal digits, UTF-8, queue, sums, names, ids, and text for
/// screens. The first byte chooses which, the rest is what they read.
enum BytesTarget {
    static func run(_ input: inout Input) {
        switch input.byte() % 6 {
        case 0: base64(input.rest())
        case 1: hex(input.rest())
        case 2: utf8(Chunking(input.byte()), input.rest())
        case 3: queue(&input)
        case 4: sums(Int(input.byte()), input.rest())
        default: names(String(decoding: input.rest(), as: UTF8.self))
        }
    }

    private static func base64(_ bytes: [UInt8]) {
        let text = Base64.encode(bytes)
        hold(Base64.decode(text) == bytes && Base64.decode(Array(text.utf8)) == bytes, "base64 is read otherwise")
        hold(text.utf8.elementsEqual(referenceBase64(bytes)), "base64 is \(text)")
        // The input as a text: each byte string has exactly one.
        if let decoded = Base64.decode(bytes) {
            hold(referenceBase64(decoded) == bytes, "two texts stand for the same bytes")
        } else {
            let letters = bytes.filter { ReferenceHead.isAlphanumeric($0) || $0 == 0x2B || $0 == 0x2F }
            hold(letters != bytes || bytes.count % 4 != 0, "a base64 text without padding is refused")
        }
    }

    private static func referenceBase64(_ bytes: [UInt8]) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = (0..<3).map { start + $0 < bytes.count ? Int(bytes[start + $0]) : 0 }
            let bits = group[0] << 16 + group[1] << 8 + group[2]
            let held = min(3, bytes.count - start)
            text += (0..<4).map { $0 <= held ? alphabet[bits >> (18 - 6 * $0) & 63] : 0x3D }
        }
        return text
    }

    private static func hex(_ bytes: [UInt8]) {
        let text = Hex.encode(bytes)
        hold(text.utf8.count == 2 * bytes.count && Hex.decode(text) == bytes, "digits are read otherwise")
        let isHex = bytes.allSatisfy { "0123456789abcdef".utf8.contains($0) } && bytes.count % 2 == 0
        let decoded = Hex.decode(String(decoding: bytes, as: UTF8.self))
        hold((decoded != nil) == isHex, "digits are accepted or refused wrongly")
        if let decoded { hold(Hex.encode(decoded).utf8.elementsEqual(bytes), "two texts stand for the same bytes") }
    }

    private static func utf8(_ chunking: Chunking, _ bytes: [UInt8]) {
        var (chunking, validator, byElement, seen) = (chunking, UTF8Validator(), UTF8Validator(), 0)
        chunking.feed(bytes) { piece in
            seen += piece.count
            let isSound = validator.consume(piece)
            hold(byElement.consume(AnySequence(piece)) == isSound, "bytes one by one are judged otherwise")
            let soFar = Array(bytes[..<seen])
            hold(isSound == ReferenceText.isValidSoFar(soFar), "\(soFar.suffix(8)) is judged wrongly")
            hold(
                validator.isComplete == ReferenceText.isValid(soFar), "the end of \(soFar.suffix(8)) is judged wrongly")
        }
    }

    /// Against an array, which is slow and plain.
    private static func queue(_ input: inout Input) {
        var (queue, model) = (ByteQueue(), [UInt8]())
        while !input.isEmpty {
            let (act, size) = (input.byte(), Int(input.byte()))
            switch act % 6 {
            case 0:
                let bytes = input.bytes(size & 63)
                queue.append(bytes)
                model += bytes
            case 1:
                // Large amounts, so that the queue has something to move.
                let bytes = [UInt8](repeating: act, count: model.count > 40_000 ? 0 : size << 4)
                bytes.withUnsafeBytes { queue.append($0) }
                model += bytes
            case 2:
                let length = act & 64 == 0 ? size : size << 5
                hold(queue.consume(length) == Array(model.prefix(length)), "other bytes are consumed")
                model.removeFirst(min(length, model.count))
            case 3:
                let length = act & 64 == 0 ? size : size << 5
                queue.drop(length)
                model.removeFirst(min(length, model.count))
            case 4:
                hold(queue.byte(at: size) == (size < model.count ? model[size] : nil), "another byte")
                hold(queue.prefix(size) == Array(model.prefix(size)), "another prefix")
            default:
                let from = size << 3
                let expected = from > model.count ? nil : model[from...].firstIndex(of: act)
                hold(queue.firstIndex(of: act, from: from) == expected, "another place")
            }
            hold(queue.count == model.count && queue.isEmpty == model.isEmpty, "another count")
        }
        hold(queue.withUnsafeBytes { $0.elementsEqual(model) }, "other bytes are left")
        hold(
            queue.byte(at: -1) == nil && queue.firstIndex(of: 0, from: -1) == nil, "there is something before the front"
        )
        queue.drop(-1)
        hold(queue.count == model.count, "dropping less than nothing changes the queue")
    }

    private static func sums(_ cut: Int, _ bytes: [UInt8]) {
        var (whole, parts, plain) = (CRC64(), CRC64(), UInt64.max)
        whole.add(bytes)
        parts.add(Array(bytes.prefix(cut)))
        parts.add(Array(bytes.dropFirst(cut)))
        for byte in bytes {
            plain ^= UInt64(byte)
            for _ in 0..<8 { plain = plain >> 1 ^ (plain & 1 == 1 ? 0xC96C_5795_D787_0F42 : 0) }
        }
        hold(whole.value == plain ^ .max && parts.value == whole.value, "a sum is wrong")
        hold(SHA1.digest(of: bytes).count == 20, "a digest is not of 20 bytes")
    }

    private static func names(_ text: String) {
        let bytes = Array(text.utf8)
        check(bytes) { () throws(AddressError) in try UserName(text).text }
        check(bytes) { () throws(AddressError) in try ServerName(text).text }
        check(bytes) { () throws(AddressError) in try Conversation(parsing: text).text }
        check(bytes) { () throws(AddressError) in
            let address = try Address(parsing: text)
            hold(
                isName(address.user.text) && isName(address.server.text) && address.user.text != "public", "a bad name")
            return address.text
        }
        check(ReferenceHead.lowercased(bytes)) { () throws(AddressError) in try Address(typed: text).text }
        if let id = MessageID(text) {
            hold(id.text == text && MessageID(bytes: id.bytes) == id, "an id is written otherwise")
        }
        if let id = MessageID(bytes: bytes) {
            hold(id.bytes == bytes && MessageID(id.text) == id, "an id is read otherwise")
        }
        if let key = Fingerprint(text) {
            hold(key.text == text && Fingerprint(bytes: key.bytes) == key, "a fingerprint")
        }
        if let key = IdentityKey(text) { hold(key.text == text && IdentityKey(bytes: key.bytes) == key, "a key") }
        if let epoch = Epoch(text) { hold(epoch.text == text, "an epoch is written otherwise") }
        let safe = SafeText(text).text
        hold(!safe.unicodeScalars.contains(where: SafeText.isHarmful), "safe text is not")
        let wasSafe = !text.unicodeScalars.contains(where: SafeText.isHarmful)
        hold(
            wasSafe == safe.utf8.elementsEqual(bytes) && SafeText(safe).text == safe,
            "safe text is changed, or foul is not")
        let known = ["accept", "history", "send"]
        hold(Spelling.nearest(to: text, among: known).map { known.contains($0) } ?? true, "a word that nobody knows")
    }

    /// What is accepted is what was written; what is refused says why.
    private static func check(_ written: [UInt8], _ read: () throws(AddressError) -> String) {
        do throws(AddressError) {
            hold(try read().utf8.elementsEqual(written), "a name is written otherwise")
        } catch { JSONTarget.check(Refusal(.badAddress, error.text)) }
    }

    private static func isName(_ name: String) -> Bool {
        let isFirst: (UInt8) -> Bool = { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }
        return (1...64).contains(name.utf8.count) && name.utf8.first.map(isFirst) == true
            && name.utf8.allSatisfy { isFirst($0) || ".-_".utf8.contains($0) }
    }
}
