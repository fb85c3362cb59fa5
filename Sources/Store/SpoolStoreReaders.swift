import Wire

/// What readers ask for and say of files.
extension SpoolStore {
    /// Whatever is not there and whatever is not theirs looks alike to strangers.
    func read(_ place: ChunkPlace, reader: Address, local: ServerName) throws(StoreError) -> SpoolReply {
        guard place.from.server == local, let file = try file(place.id, of: place.from.user), file.state == .complete,
            file.concerns(reader, owner: place.from), (0..<file.chunks).contains(place.index)
        else { return SpoolStore.noFileReply }
        let found = try database.first(
            "SELECT checksum, data FROM chunk WHERE file = ? AND number = ?", file.position, place.index
        ) { (checksum: $0.integer(0), data: $0.bytes(1)) }
        guard let found,
            found.checksum
                == ChunkChecksum.value(owner: place.from.user, id: place.id, index: place.index, data: found.data)
        else {
            return .refused(Refusal(.damaged, "a chunk of this file is damaged in the spool; ask for the file anew"))
        }
        return .chunk(found.data)
    }

    func end(
        _ id: MessageID, of owner: Address, by speaker: Address, _ outcome: FileOutcome, at: Int64
    ) throws(StoreError) -> SpoolReply {
        guard let file = try file(id, of: owner.user), file.concerns(speaker, owner: owner),
            file.state != .uploading || speaker == owner
        else { return SpoolStore.noFileReply }
        guard !file.hasEnded else { return .ended(file.status, isNew: false) }
        switch outcome {
        case .cancelled:
            guard speaker == owner else {
                return .refused(Refusal(.badValue, "only its author can cancel a file; decline it"))
            }
        case .received, .declined:
            guard file.recipient != .everyone else { return .ended(file.status, isNew: false) }
            guard file.recipient == .direct(speaker) else {
                return .refused(Refusal(.badValue, "only its recipient can receive or decline a file; cancel it"))
            }
            guard file.state == .complete else { return SpoolStore.noFileReply }
        case .expired: return .refused(Refusal(.badValue, "a file expires by itself"))
        }
        return .ended(try settle(file, outcome, at: at), isNew: true)
    }
}

extension StoredFile {
    /// Whether somebody may know of this file.
    func concerns(_ somebody: Address, owner: Address) -> Bool {
        somebody == owner || recipient == .everyone || recipient == .direct(somebody)
    }
}
