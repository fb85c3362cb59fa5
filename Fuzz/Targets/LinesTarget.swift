import Wire

/// `LineSplitter`, `ClientLine` and `NodeLine`. The input chooses who speaks, the longest line and the pieces, and is
/// the stream. Whatever is accepted is written and read again as the same.
enum LinesTarget {
    static func run(_ input: inout Input) {
        let choices = input.byte()
        var chunking = Chunking(input.byte())
        // Less than the longest verb of HTTP would be another promise: such a line is too long before it is known.
        let bytesMax = [ClientLine.bytesMax, 64, ClientLine.bytesMaxBeforeLogin, 8][Int(choices >> 1) & 3]
        let stream = input.rest()
        let (expected, expectedCode) = lines(of: stream, bytesMax: bytesMax)
        var splitter = LineSplitter(lineBytesMax: bytesMax)
        var lines: [[UInt8]] = []
        var end: Refusal?
        chunking.feed(stream) { piece in
            splitter.receive(piece)
            do throws(Refusal) {
                while let line = try splitter.next() { lines.append(line) }
                hold(end == nil, "lines go on after a refusal")
            } catch {
                hold(end == nil || end == error, "the last word is not the first fault: \(error.text)")
                JSONTarget.check(error)
                end = error
            }
        }
        hold(lines == expected, "\(lines.count) lines instead of \(expected.count), or others")
        hold(end?.code == expectedCode, "the stream ends with \(end?.text ?? "nothing")")
        for line in lines { read(line, fromClient: choices & 1 == 0) }
    }

    /// What `LineSplitter` promises, of the whole stream at once.
    private static func lines(of stream: [UInt8], bytesMax: Int) -> ([[UInt8]], Refusal.Code?) {
        let verbs = ["GET ", "POST ", "HEAD ", "PUT ", "OPTIONS ", "CONNECT ", "PRI "]
        if stream.first == 0x16 || verbs.contains(where: { stream.starts(with: $0.utf8) }) { return ([], .notPostroad) }
        var (lines, emptyLines): ([[UInt8]], Int) = ([], 0)
        let parts = stream.split(separator: 0x0A, omittingEmptySubsequences: false)
        for (number, part) in parts.enumerated() {
            if part.count > bytesMax { return (lines, .tooLong) }
            guard number < parts.count - 1 else { break }
            emptyLines = part.isEmpty ? emptyLines + 1 : 0
            if emptyLines > LineSplitter.emptyLinesMax { return (lines, .malformedJSON) }
            if !part.isEmpty { lines.append(Array(part)) }
        }
        return (lines, nil)
    }

    private static func read(_ line: [UInt8], fromClient: Bool) {
        guard let object = answer({ () throws(Refusal) in try JSONObject(message: line) }) else { return }
        if fromClient {
            guard let value = answer({ () throws(Refusal) in try ClientLine(object) }) else { return }
            let written = value.encoded()
            readAgain(written) { object throws(Refusal) in
                let again = try ClientLine(object)
                return (again == value, again.encoded())
            }
        } else {
            guard let value = answer({ () throws(Refusal) in try NodeLine(object) }) ?? nil else { return }
            readAgain(value.encoded()) { object throws(Refusal) in
                guard let again = try NodeLine(object) else { return (false, []) }
                return (again == value, again.encoded())
            }
        }
    }

    private static func readAgain(_ written: [UInt8], _ read: (JSONObject) throws(Refusal) -> (isEqual: Bool, [UInt8]))
    {
        hold(
            written.last == 0x0A && !written.dropLast().contains { $0 < 0x20 },
            "a line holds a line break, or has no end")
        do throws(Refusal) {
            let (isEqual, again) = try read(try JSONObject(message: Array(written.dropLast())))
            hold(isEqual && again == written, "a line written anew reads otherwise")
        } catch { broken("a line of our own is refused: \(error.text)") }
    }
}
