import COpenSSL

/// A private key of a certificate.
struct CertificateKey: ~Copyable {
    let pointer: OpaquePointer

    /// A new one on the curve P-256 (FIPS 186-4, D.1.2.3).
    init() throws(CertificateFault) {
        defer { forgetErrors() }
        guard let key = openssl_generate_ec("P-256") else { throw .libraryFailed }
        pointer = key
    }

    /// The first private key in a PEM text, which may hold other things besides.
    init?(reading text: Secret) {
        defer { forgetErrors() }
        let key = text.withUnsafeBytes { bytes -> OpaquePointer? in
            guard let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else { return nil }
            defer { BIO_free(bio) }
            return PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in -1 }, nil)
        }
        guard let key else { return nil }
        pointer = key
    }

    deinit { EVP_PKEY_free(pointer) }
}

/// A certificate while it is being made, or one that was read.
final class CertificateDraft {
    private let pointer: OpaquePointer

    /// The version number that stands for X.509 v3 (RFC 5280 §4.1.2.1).
    private static let version = 2
    /// RFC 5280 §4.1.2.2: positive and unique; 20 octets at most. 16 random bytes cannot clash.
    private static let serialBytes = 16
    private static let secondsPerDay = 86_400
    /// Clocks that are an hour slow shall take it, too.
    private static let backdatedSeconds = 3600

    init(subject: String, key: borrowing CertificateKey, days: Int) throws(CertificateFault) {
        guard CertificateDraft.isName(subject) else { throw .badName }
        guard (1...Certificate.daysMax).contains(days) else { throw .badDays }
        defer { forgetErrors() }
        guard let certificate = X509_new() else { throw .libraryFailed }
        pointer = certificate
        guard var serial = try? SecureRandom.bytes(CertificateDraft.serialBytes) else { throw .libraryFailed }
        serial[0] = serial[0] & 0x7F | 1
        let number = BN_bin2bn(serial, Int32(serial.count), nil)
        defer { BN_free(number) }
        let name = X509_get_subject_name(certificate)
        guard X509_set_version(certificate, CertificateDraft.version) == 1,
            BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nil,
            X509_gmtime_adj(X509_getm_notBefore(certificate), -CertificateDraft.backdatedSeconds) != nil,
            X509_gmtime_adj(X509_getm_notAfter(certificate), days * CertificateDraft.secondsPerDay) != nil,
            X509_NAME_add_entry_by_txt(name, "CN", openssl_ascii, subject, -1, -1, 0) == 1,
            X509_set_pubkey(certificate, key.pointer) == 1
        else { throw .libraryFailed }
    }

    /// The first certificate in a PEM text; nil if there is none.
    init?(reading text: Secret) {
        defer { forgetErrors() }
        let certificate = text.withUnsafeBytes { bytes -> OpaquePointer? in
            guard let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else { return nil }
            defer { BIO_free(bio) }
            return PEM_read_bio_X509(bio, nil, nil, nil)
        }
        guard let certificate else { return nil }
        pointer = certificate
    }

    deinit { X509_free(pointer) }

    func issue(by issuer: CertificateDraft) throws(CertificateFault) {
        guard X509_set_issuer_name(pointer, X509_get_subject_name(issuer.pointer)) == 1 else { throw .libraryFailed }
        try add(NID_subject_key_identifier, "hash", by: self)
        // Who signs may do so only as an authority; a self-signed one has nobody to be found.
        if issuer !== self { try add(NID_authority_key_identifier, "keyid:always", by: issuer) }
    }

    func extend(use: CertificateUse, names: [String]) throws(CertificateFault) {
        guard names.allSatisfy(CertificateDraft.isName) else { throw .badName }
        try add(NID_basic_constraints, "critical,CA:FALSE", by: self)
        try add(NID_key_usage, "critical,digitalSignature", by: self)
        try add(NID_ext_key_usage, use == .server ? "serverAuth" : "clientAuth", by: self)
        // RFC 6125 §6.4.4: whoever checks a server's name looks here and not at the subject.
        guard use == .server else { return }
        let list = names.map { (CertificateDraft.isNumeric($0) ? "IP:" : "DNS:") + $0 }
        try add(NID_subject_alt_name, list.joined(separator: ","), by: self)
    }

    func extendAsAuthority() throws(CertificateFault) {
        // RFC 5280 §4.2.1.9: it issues certificates, but no further authorities.
        try add(NID_basic_constraints, "critical,CA:TRUE,pathlen:0", by: self)
        try add(NID_key_usage, "critical,keyCertSign,cRLSign", by: self)
    }

    func signed(by key: borrowing CertificateKey) throws(CertificateFault) -> CertificateDraft {
        defer { forgetErrors() }
        guard X509_sign(pointer, key.pointer, EVP_sha256()) > 0 else { throw .libraryFailed }
        return self
    }

    /// Certificate, private key, and the issuer's certificate if there is one.
    func text(
        with key: borrowing CertificateKey, behind issuer: CertificateDraft? = nil
    ) throws(CertificateFault) -> Secret {
        defer { forgetErrors() }
        guard let bio = BIO_new(BIO_s_mem()) else { throw .libraryFailed }
        defer { BIO_free(bio) }
        guard PEM_write_bio_X509(bio, pointer) == 1,
            PEM_write_bio_PKCS8PrivateKey(bio, key.pointer, nil, nil, 0, nil, nil) == 1,
            issuer.map({ PEM_write_bio_X509(bio, $0.pointer) == 1 }) ?? true
        else { throw .libraryFailed }
        var bytes = CertificateDraft.content(of: bio)
        return Secret(wiping: &bytes)
    }

    func publicText() throws(CertificateFault) -> [UInt8] {
        defer { forgetErrors() }
        guard let bio = BIO_new(BIO_s_mem()) else { throw .libraryFailed }
        defer { BIO_free(bio) }
        guard PEM_write_bio_X509(bio, pointer) == 1 else { throw .libraryFailed }
        return CertificateDraft.content(of: bio)
    }

    private static func content(of bio: OpaquePointer) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: openssl_pending(bio))
        let count = BIO_read(bio, &bytes, Int32(clamping: bytes.count))
        bytes.removeLast(bytes.count - max(0, Int(count)))
        return bytes
    }

    private func add(_ kind: Int32, _ value: String, by issuer: CertificateDraft) throws(CertificateFault) {
        defer { forgetErrors() }
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, issuer.pointer, pointer, nil, nil, 0)
        guard let extensionPointer = X509V3_EXT_conf_nid(nil, &context, kind, value) else { throw .libraryFailed }
        defer { X509_EXTENSION_free(extensionPointer) }
        guard X509_add_ext(pointer, extensionPointer, -1) == 1 else { throw .libraryFailed }
    }

    /// Nothing that OpenSSL's notation of extensions could take for more than a name.
    private static func isName(_ text: String) -> Bool {
        (1...Certificate.nameBytesMax).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: ".-_:@*".utf8.contains(byte)
                }
            }
    }

    private static func isNumeric(_ name: String) -> Bool {
        name.contains(":") || name.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }
    }
}
