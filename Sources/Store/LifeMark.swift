import Bytes
package import Wire

/// How far a store had come, kept in a small file beside it, so that a database which was put back from a backup is
/// known: it is behind its mark. The mark may lag behind the database by some seconds, never the other way round.
package struct LifeMark: Hashable, Sendable {
    package let epoch: Epoch
    /// Of the last message.
    package let position: Int64

    /// True if a database that stands here has lost what the mark knows of.
    func isBehind(_ mark: LifeMark) -> Bool { epoch != mark.epoch || position < mark.position }

    fileprivate init?(_ read: [UInt8]) {
        let parts = String(decoding: read, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard parts.count == 2, let epoch = Epoch(String(parts[0])), let position = Int64(parts[1]), position >= 0
        else { return nil }
        self.init(epoch: epoch, position: position)
    }

    package init(epoch: Epoch, position: Int64) {
        self.epoch = epoch
        self.position = position
    }
}

/// Keeps the mark of one store.
package protocol LifeMarkKeeper: AnyObject {
    /// nil if there is none, or none that can be read: then nothing is known.
    func read() -> LifeMark?
    /// Without `isSynced` a power cut may take it back, which leaves an older one. A disk that takes no mark has worse
    /// things to tell elsewhere.
    func write(_ mark: LifeMark, isSynced: Bool)
}

/// The mark as a file beside the database.
final class LifeMarkFile: LifeMarkKeeper {
    private let path: String
    private static let bytesMax = 64

    init(path: String) { self.path = path }

    func read() -> LifeMark? {
        let read = try? WholeFile.read(path, bytesMax: LifeMarkFile.bytesMax, followsLinks: false)
        return read.flatMap { LifeMark($0) }
    }

    func write(_ mark: LifeMark, isSynced: Bool) {
        try? WholeFile.write(Array("\(mark.epoch.text) \(mark.position)\n".utf8), to: path, isSynced: isSynced)
    }
}
