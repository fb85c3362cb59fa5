package import Wire

/// What a node asks the node of a file's author, for one of its own people.
package enum FileQuestion: Hashable, Sendable {
    case chunk(ChunkPlace, reader: UserName)
    /// Says that `reader` has received or declined the file; the answer is that this is kept.
    case outcome(from: Address, id: MessageID, reader: UserName, FileOutcome)

    /// Whose file it is, and so which server is asked.
    package var author: Address {
        switch self {
        case .chunk(let place, _): place.from
        case .outcome(let from, _, _, _): from
        }
    }

    var isChunk: Bool { if case .chunk = self { true } else { false } }

    func message(ref: Int64) -> LinkMessage {
        switch self {
        case .chunk(let place, let reader): .chunkWanted(ref: ref, place, reader: reader)
        case .outcome(let from, let id, let reader, let outcome):
            .outcome(ref: ref, from: from, id: id, reader: reader, outcome)
        }
    }

    /// The answer that gives nothing.
    func refused(_ refusal: Refusal, ref: Int64) -> LinkMessage {
        switch self {
        case .chunk: .chunk(ref: ref, data: [], refusal: refusal)
        case .outcome: .outcomeKept(ref: ref, refusal: refusal)
        }
    }
}
