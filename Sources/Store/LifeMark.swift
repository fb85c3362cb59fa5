import Bytes
import Wire

/// How far a store had come, kept in a small file beside it, so that a database which was put back from a backup is
/// known: it is behind its mark. The mark may lag behind the database by some seconds, never the other way round.
struct LifeMark: Equatable {
    let epoch: Epoch
    /// Of the last message.
    let position: Int64

    /// True if a database that stands here has lost what the mark knows of.
    func isBehind(_ mark: LifeMark) -> Bool { epoch != mark.epoch || position < mark.position }

    /// nil if there is none, or none that can be read: then nothing is known.
    init?(at path: String) {
        guard let read = try? WholeFile.read(path, bytesMax: LifeMark.bytesMax, followsLinks: false) else { return nil }
        let parts = String(decoding: read, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard parts.count == 2, let epoch = Epoch(String(parts[0])), let position = Int64(parts[1]), position >= 0
        else { return nil }
        self.init(epoch: epoch, position: position)
    }

    init(epoch: Epoch, position: Int64) {
        self.epoch = epoch
        self.position = position
    }

    /// Not synced: a mark that a power cut takes back is an older one, which is allowed to be. A disk that takes no mark
    /// has worse things to tell elsewhere.
    func write(to path: String) {
        try? WholeFile.write(Array("\(epoch.text) \(position)\n".utf8), to: path, isSynced: false)
    }

    private static let bytesMax = 64
}
