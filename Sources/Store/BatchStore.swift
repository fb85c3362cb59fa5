import Wire

/// A store that performs requests in batches, each committed as one. `StoreThread` gives it a thread of its own.
package protocol BatchStore: AnyObject {
    associatedtype Request: Sendable
    associatedtype Reply: Sendable

    /// Requests that one commit may carry: enough to hide the disk, few enough to answer the first of them soon.
    static var batchRequestsMax: Int { get }

    /// Performs a batch in order and commits it as one; returns after the commit, one reply per request.
    func perform(_ requests: [Request]) -> [Reply]
    /// Folds the log into the file and closes it. Later requests fail.
    func close() throws(StoreError)
}

/// What a batch has to know of a request.
protocol BatchRequest {
    /// Whether performing it may change the database, so that its answer has to wait for a commit.
    var isWrite: Bool { get }
    /// Whether it adds to what is kept, which a nearly full disk does not take.
    var isAddition: Bool { get }
}

/// What a batch has to be able to answer for its store.
protocol BatchReply {
    static func failed(_ refusal: Refusal) -> Self
}

/// A store over one database. It keeps nothing in memory that the database does not hold, so a failed commit leaves
/// nothing to undo.
protocol DatabaseStore: BatchStore where Request: BatchRequest, Reply: BatchReply {
    var database: Database { get }
    var freeSpace: FreeSpace { get }
    /// Why later changes are refused: after an error of the disk nobody knows what it holds, and trying again proves
    /// nothing (a second fsync may succeed without having written).
    var broken: StoreError? { get set }
    /// The answer to an addition on a nearly full disk.
    static var lowReply: Reply { get }

    func answer(_ request: Request) throws(StoreError) -> Reply
    /// The answer to a request that was performed before, so that this time it changes nothing; nil for all others.
    func retried(_ request: Request) throws(StoreError) -> Reply?
}

extension DatabaseStore {
    /// A request that fails alone leaves the others alone; a failed commit or a full disk fails every change. What was
    /// performed before is answered all the same: to call it failed would be a lie.
    func performBatch(_ requests: [Request]) -> [Reply] {
        guard requests.contains(where: \.isWrite) else { return requests.map { read($0) } }
        if let broken { return requests.map { answerUnchanged($0, .failed(broken.refusal)) } }
        let isLow = requests.contains(where: \.isAddition) && freeSpace.isLow
        do throws(StoreError) {
            return try database.transaction { () throws(StoreError) in
                var replies: [Reply] = []
                replies.reserveCapacity(requests.count)
                for request in requests {
                    let isRefused = isLow && request.isAddition
                    replies.append(isRefused ? answerUnchanged(request, Self.lowReply) : try part(request))
                }
                return replies
            }
        } catch {
            if [.inputOutput, .damaged].contains(error.kind) { broken = error }
            // Reads are done again: what they saw in the transaction did not come to pass.
            return requests.map { answerUnchanged($0, .failed(error.refusal)) }
        }
    }

    /// What can be answered without changing anything; `otherwise` for the rest.
    private func answerUnchanged(_ request: Request, _ otherwise: Reply) -> Reply {
        guard request.isWrite else { return read(request) }
        guard let answer = try? retried(request) else { return otherwise }
        return answer
    }

    /// One request of a batch. Throws only what ends the whole batch.
    private func part(_ request: Request) throws(StoreError) -> Reply {
        guard request.isWrite else { return read(request) }
        do throws(StoreError) {
            return try database.savepoint { () throws(StoreError) in try answer(request) }
        } catch {
            guard database.isInTransaction, !error.endsBatch else { throw error }
            return .failed(error.refusal)
        }
    }

    private func read(_ request: Request) -> Reply {
        do throws(StoreError) { return try answer(request) } catch { return .failed(error.refusal) }
    }
}
