/// Why an operation with sound keys gave no result.
package enum CryptoError: Error, Equatable, Sendable {
    /// The machine's fault: OpenSSL refused what cannot fail while there is memory and entropy.
    case libraryFailed
    /// Our own fault: a key, nonce, count or plaintext has a size that the algorithm does not take.
    case misuse
    /// The sender's fault, or that of somebody on the way. One word for every cause on purpose: which check failed
    /// is what padding oracles are made of (Bleichenbacher 1998, Manger 2001). Never answer it on the network.
    case notAuthentic
}

/// Why a key was refused: the fault of whoever made or sent it.
package enum KeyFault: Error, Equatable, Sendable {
    /// Longer than any key we accept.
    case tooLong
    /// Not the expected PEM block (RFC 7468), or something beside it.
    case notPEM
    /// Not the expected structure, not in its one DER form, bytes behind it, or numbers that do not belong together.
    case damaged
    /// A key of another algorithm.
    case otherAlgorithm
    /// An RSA modulus of this many bits, outside `RSAPublicKey.bitsAccepted`.
    case bitsRefused(Int)
    /// An RSA public exponent that is even, below 65537 or above 32 bits.
    case exponentRefused
}
