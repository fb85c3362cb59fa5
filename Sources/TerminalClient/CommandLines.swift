import Bytes

/// Cuts standard input into lines. Unlike a node's connection it survives a line that is too long.
package struct CommandLines: Sendable {
    /// A line has more bytes than this queue takes.
    package struct TooLong: Error, Equatable, Sendable {
        package let bytesMax: Int
    }

    private let bytesMax: Int
    private var queue = ByteQueue()
    /// No line feed stands before here.
    private var searched = 0
    private var isSkipping = false

    /// `bytesMax` of one line, the line feed not counted.
    package init(bytesMax: Int) { self.bytesMax = bytesMax }

    package mutating func append(_ bytes: some Collection<UInt8>) { queue.append(bytes) }

    /// The next line without its line feed, nil until it has come whole.
    package mutating func next() throws(TooLong) -> [UInt8]? {
        if isSkipping {
            guard let end = queue.firstIndex(of: 0x0A) else {
                queue.drop(queue.count)
                return nil
            }
            queue.drop(end + 1)
            isSkipping = false
        }
        guard let end = queue.firstIndex(of: 0x0A, from: searched) else {
            searched = queue.count
            guard searched <= bytesMax else { throw TooLong(bytesMax: bytesMax) }
            return nil
        }
        searched = 0
        guard end <= bytesMax else { throw TooLong(bytesMax: bytesMax) }
        let line = queue.consume(end)
        queue.drop(1)
        return line
    }

    /// After `TooLong`: leaves out the rest of that line and goes on with the next.
    package mutating func skipLine() {
        isSkipping = true
        searched = 0
    }

    /// What stands behind the last line feed, once nothing more comes.
    package mutating func rest() -> [UInt8] {
        searched = 0
        let rest = queue.consume(queue.count)
        return isSkipping ? [] : rest
    }
}
