import COpenSSL

/// What all TLS connections of one role and one purpose share: our certificate, and whose we ask for. TLS 1.3 only
/// (RFC 8446). Nothing changes one after it was made, so any thread may use it; a new certificate is a new context.
package final class TLSContext: @unchecked Sendable {
    enum Role { case client, server }

    let pointer: OpaquePointer
    let role: Role

    /// For a listener. `identity` is shown to everybody. With `clientIssuers`, clients have to show a certificate that
    /// one of them issued for clients; connections without one end in the handshake.
    package static func server(
        identity: TLSIdentity, clientIssuers: TLSIssuers? = nil
    ) throws(TLSFault) -> TLSContext {
        let context = try TLSContext(.server)
        try identity.install(in: context.pointer)
        // Clients come back with tokens of ours; resuming TLS would keep secrets for longer and save little.
        SSL_CTX_set_num_tickets(context.pointer, 0)
        if let clientIssuers {
            try clientIssuers.install(in: context.pointer)
            SSL_CTX_set_verify(context.pointer, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        }
        return context
    }

    /// For those who dial. The server's certificate is not judged: who it is, is proven above TLS by a key that signs
    /// the connection's `exporter`. `identity` is shown to servers that ask for one.
    package static func client(identity: TLSIdentity? = nil) throws(TLSFault) -> TLSContext {
        let context = try TLSContext(.client)
        try identity?.install(in: context.pointer)
        return context
    }

    /// Throws if the text of `issuers` cannot be used.
    package static func check(_ issuers: TLSIssuers) throws(TLSFault) {
        try issuers.install(in: TLSContext(.server).pointer)
    }

    private init(_ role: Role) throws(TLSFault) {
        let method = role == .server ? TLS_server_method() : TLS_client_method()
        guard let pointer = SSL_CTX_new(method) else { throw .last(during: "setting up") }
        self.pointer = pointer
        self.role = role
        guard openssl_min_version(pointer, TLS1_3_VERSION) == 1 else { throw .last(during: "setting up") }
        _ = openssl_set_mode(pointer, Int(SSL_MODE_RELEASE_BUFFERS))
        _ = openssl_no_session_cache(pointer)
        _ = openssl_max_cert_list(pointer, TLSContext.certificatesBytesMax)
    }

    deinit { SSL_CTX_free(pointer) }

    /// Of a peer's list of certificates: a chain of three with RSA keys takes half.
    private static let certificatesBytesMax = 16 << 10
}

/// A certificate with its private key, to be shown to peers.
package struct TLSIdentity: Sendable {
    private let pem: [UInt8]

    /// One PEM text (RFC 7468) with a certificate, those that issued it, if any, behind it, and the private key, in
    /// whatever place. Looked at when a context is made of it.
    package init(pem: [UInt8]) { self.pem = pem }

    func install(in context: OpaquePointer) throws(TLSFault) {
        let certificates = try PEMCertificates(pem)
        guard let first = certificates.pointers.first else {
            throw TLSFault(.unusable, "there is no certificate in it")
        }
        guard let key = PEMCertificates.privateKey(in: pem) else {
            throw TLSFault(.unusable, "there is no private key in it, or one under a password")
        }
        defer { EVP_PKEY_free(key) }
        guard SSL_CTX_use_certificate(context, first) == 1, SSL_CTX_use_PrivateKey(context, key) == 1,
            SSL_CTX_check_private_key(context) == 1
        else { throw TLSFault(.unusable, TLSFault.last(during: "the key does not fit the certificate").text) }
        for issuer in certificates.pointers.dropFirst() {
            guard openssl_add_chain_certificate(context, issuer) == 1 else { throw .last(during: "the chain") }
        }
    }
}

/// Certificates of those whose word on a peer's certificate counts.
package struct TLSIssuers: Sendable {
    private let pem: [UInt8]

    /// One PEM text with one or several certificates. Looked at when a context is made of it.
    package init(pem: [UInt8]) { self.pem = pem }

    func install(in context: OpaquePointer) throws(TLSFault) {
        let certificates = try PEMCertificates(pem)
        guard !certificates.pointers.isEmpty else { throw TLSFault(.unusable, "there is no certificate in it") }
        let store = SSL_CTX_get_cert_store(context)
        for issuer in certificates.pointers {
            guard X509_STORE_add_cert(store, issuer) == 1, SSL_CTX_add_client_CA(context, issuer) == 1 else {
                throw TLSFault.last(during: "the issuer's certificate")
            }
        }
    }
}

/// Owns the certificates of one PEM text.
private final class PEMCertificates {
    private(set) var pointers: [OpaquePointer] = []

    /// A chain has a handful; a file with hundreds is some other file.
    private static let countMax = 100
    private static let textBytesMax = 256 << 10

    init(_ text: [UInt8]) throws(TLSFault) {
        guard text.count <= PEMCertificates.textBytesMax else { throw TLSFault(.unusable, "the text is too long") }
        defer { ERR_clear_error() }
        guard let bio = BIO_new_mem_buf(text, Int32(text.count)) else { throw .last(during: "reading") }
        defer { BIO_free(bio) }
        // Blocks of other kinds between them are passed over.
        while let certificate = PEM_read_bio_X509(bio, nil, nil, nil) {
            pointers.append(certificate)
            guard pointers.count <= PEMCertificates.countMax else {
                throw TLSFault(.unusable, "there are more than \(PEMCertificates.countMax) certificates in it")
            }
        }
        // The end of the text is an error like any other, but for its number.
        guard openssl_error_reason(ERR_peek_last_error()) == PEM_R_NO_START_LINE else {
            throw TLSFault(.unusable, TLSFault.last(during: "a certificate cannot be read").text)
        }
    }

    deinit { for pointer in pointers { X509_free(pointer) } }

    /// nil also for a key under a password: nobody is there to be asked for it.
    static func privateKey(in text: [UInt8]) -> OpaquePointer? {
        defer { ERR_clear_error() }
        guard let bio = BIO_new_mem_buf(text, Int32(text.count)) else { return nil }
        defer { BIO_free(bio) }
        return PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in -1 }, nil)
    }
}
