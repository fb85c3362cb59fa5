import Wire

/// Taking files in.
extension SpoolStore {
    /// What was begun, or what was written, is here.
    func retried(_ request: SpoolRequest) throws(StoreError) -> SpoolReply? {
        switch request {
        case .begin(let owner, let file, _):
            guard let known = try self.file(file.id, of: owner) else { return nil }
            guard known.recipient == file.to, known.chunks == file.chunks else {
                return .refused(Refusal(.idReused, "this id belongs to another file; make a new one"))
            }
            return .status(known.status)
        case .write(let owner, let id, let index, _, _):
            guard let known = try file(id, of: owner), known.hasEnded || (0..<known.held).contains(index) else {
                return nil
            }
            return .status(known.status)
        case .end(let owner, let id, let speaker, _, let local, _):
            guard let known = try file(id, of: owner), known.hasEnded,
                known.concerns(speaker, owner: Address(user: owner, server: local))
            else { return nil }
            return .ended(known.status, isNew: false)
        case .read, .purge, .usage: return nil
        }
    }

    func begin(_ file: SpooledFile, of owner: UserName, at: Int64) throws(StoreError) -> SpoolReply {
        if let answer = try retried(.begin(owner: owner, file, at: at)) { return answer }
        if let refusal = refusal(ofChunks: file.chunks) { return .refused(refusal) }
        let account = try account(owner)
        guard account.files < limits.openFilesPerAccountMax else {
            let text = "an account has at most \(limits.openFilesPerAccountMax) open files; cancel one, or wait for one"
            return .refused(Refusal(.spoolFull, text))
        }
        guard fits(file.chunks, beside: account.chunks, bytesMax: limits.accountBytesMax) else {
            let text = "the files of this account would take more than \(limits.accountBytesMax) bytes; cancel one"
            return .refused(Refusal(.spoolFull, text))
        }
        let all = try database.first("SELECT chunks FROM spool") { $0.count(0) } ?? 0
        guard fits(file.chunks, beside: all, bytesMax: limits.spoolBytesMax) else {
            return .refused(Refusal(.spoolFull, "the node has no room for more files now; try again later"))
        }
        let state: StoredFile.State = file.chunks == 0 ? .complete : .uploading
        try database.run(
            """
            INSERT INTO file (owner, id, recipient, chunks, held, kept, state, changed_at) VALUES (?, ?, ?, ?, 0, 0, ?, ?)
            """, account.id, file.id.bytes, file.to.text, file.chunks, state.rawValue, at)
        try count(files: 1, chunks: file.chunks, of: account.id)
        return .status(FileStatus(id: file.id, held: 0, chunks: file.chunks))
    }

    func write(
        _ data: [UInt8], at index: Int64, of owner: UserName, _ id: MessageID, now: Int64
    ) throws(StoreError) -> SpoolReply {
        guard let file = try file(id, of: owner) else { return SpoolStore.noFileReply }
        guard !file.hasEnded else { return .status(file.status) }
        guard (0..<file.chunks).contains(index) else {
            return .refused(Refusal(.badValue, "the file has \(file.chunks) chunks, counted from 0"))
        }
        guard index >= file.held else { return .status(file.status) }
        guard index == file.held else {
            return .refused(Refusal(.outOfOrder, "chunk \(file.held) of this file comes first"))
        }
        guard (1...FileChunk.sealedBytesMax).contains(data.count) else {
            return .refused(Refusal(.badValue, "a chunk has 1 to \(FileChunk.sealedBytesMax) bytes"))
        }
        try database.run(
            "INSERT INTO chunk (file, number, checksum, data) VALUES (?, ?, ?, ?)", file.position, index,
            ChunkChecksum.value(owner: owner, id: id, index: index, data: data), data)
        let held = file.held + 1
        let state: StoredFile.State = held == file.chunks ? .complete : .uploading
        try database.run(
            "UPDATE file SET held = ?1, kept = ?1, state = ?2, changed_at = ?3 WHERE position = ?4",
            held, state.rawValue, now, file.position)
        return .status(FileStatus(id: id, held: held, chunks: file.chunks))
    }

    private func refusal(ofChunks chunks: Int64) -> Refusal? {
        guard chunks >= 0 else { return Refusal(.badValue, "a file has no less than 0 chunks") }
        guard limits.fileBytesMax > 0 else { return Refusal(.fileTooLarge, "this node takes no files") }
        let bytesMax = min(limits.fileBytesMax, FileOffer.bytesMax)
        guard chunks <= FileChunk.count(of: bytesMax) else {
            return Refusal(.fileTooLarge, "this node takes files of at most \(bytesMax) bytes")
        }
        return nil
    }

    /// Without a product that could overflow: n chunks fit if n is at most the quotient.
    private func fits(_ chunks: Int64, beside taken: Int64, bytesMax: Int64) -> Bool {
        chunks <= max(0, bytesMax) / Int64(FileChunk.sealedBytesMax) - taken
    }

    private func account(_ owner: UserName) throws(StoreError) -> (id: Int64, files: Int64, chunks: Int64) {
        let found = try database.first("SELECT id, files, chunks FROM owner WHERE name = ?", owner.text) {
            (id: $0.integer(0), files: $0.count(1), chunks: $0.count(2))
        }
        if let found { return found }
        try database.run("INSERT INTO owner (name) VALUES (?)", owner.text)
        return (database.lastInsertedRow, 0, 0)
    }
}
