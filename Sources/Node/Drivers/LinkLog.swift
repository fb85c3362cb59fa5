import Federation
import Wire

/// How occurrences on links are written to the log.
extension Log {
    func write(_ note: MeshNote) {
        switch note {
        case .linkUp(let server, _): write(.info, "link up", [("server", server.text)])
        case .linkDown(let server, _, let refusal):
            write(.warning, "link down", [("server", server.text)] + Log.members(refusal))
        case .linkRefused(let server, _, let refusal):
            write(.warning, "link refused", [("server", server?.text ?? "unknown")] + Log.members(refusal))
        case .pinned(let server, let key):
            write(.info, "key pinned at first use", [("server", server.text), ("key", key.text)])
        case .keyChanged(let server, let offered):
            write(.alarm, "somebody shows another key", [("server", server.text), ("offered", offered.text)])
        case .keyRotated(let server, let key, let old):
            write(
                .warning, "a server has a new key, which its old one signed for",
                [("server", server.text), ("key", key.text), ("old", old.text)])
        case .keyTrusted(let server, let key, let old):
            let members = [("server", server.text), ("key", key.text)]
            write(.warning, "key trusted by an administrator", members + (old.map { [("old", $0.text)] } ?? []))
        case .setupKeyIsOld(let server, let key):
            write(
                .warning, "the setup file names an old key of a server; write the new one there",
                [("server", server.text), ("key", key.text)])
        case .tested(let server, _): write(.info, "a server tested the way here", [("server", server.text)])
        case .setupKeyBeatsPin(let server):
            write(.warning, "the setup file names another key than the pinned one, and wins", [("server", server.text)])
        case .peerRestored(let server, let epoch):
            write(.warning, "peer has a new store", [("server", server.text), ("epoch", epoch.text)])
        case .ownStoreRestored(let server):
            write(
                .alarm, "our store was put back from a backup: what it took since then is asked of others again",
                [("known by", server.text)])
        case .itemRefused(let server, let seq, let code):
            write(
                .warning, "message refused", [("server", server.text), ("seq", String(seq)), ("code", code.rawValue)])
        case .ignored(let server, let code):
            write(.info, "ignored", [("server", server.text), ("code", code.rawValue)])
        }
    }

    private static func members(_ refusal: Refusal?) -> [(String, String)] {
        guard let refusal else { return [] }
        return [("code", refusal.code.rawValue), ("reason", refusal.text)]
    }
}

extension MeshNote {
    /// What was refused while the link goes on. A refusal that ends the link is counted with its close.
    var refusedCode: Refusal.Code? {
        switch self {
        case .itemRefused(_, _, let code), .ignored(_, let code): code
        default: nil
        }
    }

    /// The same for all notes of one kind that a peer can cause as often as it likes.
    var inVain: MeshNote? {
        switch self {
        case .ignored: self
        case .itemRefused(let server, _, let code): .itemRefused(server, seq: 0, code)
        default: nil
        }
    }
}

extension LinkState {
    /// One word or two for a list of links.
    var summary: String {
        let error = lastError.map { " (\($0.code.rawValue))" } ?? ""
        return "\(state.rawValue), \(queued) waiting\(error)\(isAlarming ? ", another key is offered" : "")"
    }
}
