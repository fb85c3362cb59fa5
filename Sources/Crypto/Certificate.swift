/// What a certificate is for (RFC 5280 §4.2.1.12).
package enum CertificateUse: Sendable { case server, client }

/// Why no certificate was made.
package enum CertificateFault: Error, Equatable, Sendable {
    /// Not 1 to 64 bytes of letters, digits and `.-_:@*` (RFC 5280, appendix A, bounds the length).
    case badName
    /// Fewer than 1 or more than `Certificate.daysMax` days.
    case badDays
    /// The text holds no certificate of an authority together with its private key.
    case noAuthority
    /// OpenSSL refused what cannot fail while there is memory.
    case libraryFailed
}

/// X.509 certificates (RFC 5280), each as one PEM text with the private key that belongs to it. Keys are on the curve
/// P-256, which every TLS library knows.
package enum Certificate {
    package static let nameBytesMax = 64
    /// Ours are replaced by people, who should not have to because of a date.
    package static let standardDays = 3650
    package static let daysMax = 36_500

    /// A server's certificate that nobody vouches for. `names` are host names or numeric addresses, the first of them
    /// its subject.
    package static func selfSigned(names: [String], days: Int = standardDays) throws(CertificateFault) -> Secret {
        let key = try CertificateKey()
        let draft = try CertificateDraft(subject: names.first ?? "", key: key, days: days)
        try draft.issue(by: draft)
        try draft.extend(use: .server, names: names)
        return try draft.signed(by: key).text(with: key)
    }

    /// An authority of one's own, which may issue certificates and nothing else.
    package static func authority(name: String, days: Int = standardDays) throws(CertificateFault) -> Secret {
        let key = try CertificateKey()
        let draft = try CertificateDraft(subject: name, key: key, days: days)
        try draft.issue(by: draft)
        try draft.extendAsAuthority()
        return try draft.signed(by: key).text(with: key)
    }

    /// A certificate for `name`, with that of the authority behind it. `authority` is a text that `authority(name:)`
    /// made, or another authority's certificate and key in PEM.
    package static func issued(
        for use: CertificateUse, name: String, by authority: Secret, days: Int = standardDays
    ) throws(CertificateFault) -> Secret {
        guard let issuer = CertificateDraft(reading: authority), let issuerKey = CertificateKey(reading: authority)
        else { throw .noAuthority }
        let key = try CertificateKey()
        let draft = try CertificateDraft(subject: name, key: key, days: days)
        try draft.issue(by: issuer)
        try draft.extend(use: use, names: [name])
        return try draft.signed(by: issuerKey).text(with: key, behind: issuer)
    }

    /// The certificates in a PEM text, without the private keys: what may be handed to others.
    package static func publicPart(of text: Secret) throws(CertificateFault) -> [UInt8] {
        guard let certificate = CertificateDraft(reading: text) else { throw .noAuthority }
        return try certificate.publicText()
    }
}
