import Federation
import Wire

/// A server's word that it went from one key to another, each named by its secret.
func rotation(of name: String, _ old: String, _ new: String, at: Int64 = 1, forgedOld: Bool = false) -> KeyRotation {
    let (oldKey, newKey) = (FakeKey.publicKey(of: old), FakeKey.publicKey(of: new))
    let transcript = KeyRotation.transcript(server: server(name), old: oldKey, new: newKey, at: at)
    return KeyRotation(
        old: oldKey, new: newKey, at: at,
        signatureByOld: FakeKey.sign(transcript, secret: forgedOld ? new : old),
        signatureByNew: FakeKey.sign(transcript, secret: new))
}

func rotations(of name: String, _ secrets: String...) -> [KeyRotation] {
    zip(secrets, secrets.dropFirst()).map { rotation(of: name, $0, $1) }
}
