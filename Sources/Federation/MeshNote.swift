package import Wire

/// Occurrences with a name, for the log and its counters.
package enum MeshNote: Hashable, Sendable {
    case linkUp(ServerName, LinkID)
    /// This peer remembers more of our streams than our store does.
    case ownStoreRestored(ServerName)
    /// A proven link ended; the refusal says why if anybody said so.
    case linkDown(ServerName, LinkID, Refusal?)
    /// A link was closed by us before it was proven. The name is what the other side claims.
    case linkRefused(ServerName?, LinkID, Refusal)
    case pinned(ServerName, IdentityKey)
    /// The key before signed that this one takes its place.
    case keyRotated(ServerName, IdentityKey, from: IdentityKey)
    /// An administrator took this key for the one before.
    case keyTrusted(ServerName, IdentityKey, from: IdentityKey?)
    /// An alarm: somebody claims this name with another key. Told at first, and again while it goes on.
    case keyChanged(ServerName, offered: IdentityKey)
    /// `setup.json` names another key than the pinned one, and wins.
    case setupKeyBeatsPin(ServerName)
    /// `setup.json` names a key that this one has taken the place of; the file should be mended.
    case setupKeyIsOld(ServerName, IdentityKey)
    /// Somebody tried whether a link could be.
    case tested(ServerName, LinkID)
    /// The peer's store is new or was restored.
    case peerRestored(ServerName, Epoch)
    case itemRefused(ServerName, seq: Int64, Refusal.Code)
    case ignored(ServerName, Refusal.Code)
}
