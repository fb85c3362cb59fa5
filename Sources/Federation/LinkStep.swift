package import Wire

/// What a node knows of a server name that somebody claims.
package enum PeerTrust: Hashable, Sendable {
    /// Neither in `setup.json` nor added.
    case stranger
    /// An administrator wants no link now.
    case paused
    /// In `setup.json`, but for TLS only, and this link is in plaintext.
    case needsTLS
    /// The one key that may prove the name.
    case key(IdentityKey)
    /// The first key proven on a link that we dialled will be pinned.
    case firstUse
}

/// Who this node is on its links.
package struct LinkIdentity: Hashable, Sendable {
    package let name: ServerName
    package let key: IdentityKey
    /// How it came to its key, oldest first; the last one ends with `key`.
    package let rotations: [KeyRotation]

    package init(name: ServerName, key: IdentityKey, rotations: [KeyRotation] = []) {
        self.name = name
        self.key = key
        self.rotations = rotations
    }
}

/// What one link does next.
package enum LinkStep: Hashable, Sendable {
    case send(LinkMessage)
    case ping
    case sign([UInt8])
    case verify(IdentityKey, [UInt8], signature: [UInt8])
    /// Make the key durable, then call `pinned`.
    case pin(ServerName, IdentityKey)
    /// The known key signed that this one takes its place: make that durable, then call `pinned`.
    case repin(ServerName, IdentityKey, from: IdentityKey)
    /// Both sides are proven.
    case proven
    /// Both sides are proven, and that was all that the dialler wanted to know.
    case tested
    /// Answer the `echo` of a test.
    case echo(ref: Int64)
    /// Somebody proved to hold a key for a name that has no pin, on a link they dialled.
    case claimed
    /// A message of the stream, in an order that the protocol allows.
    case deliver(LinkMessage)
}
