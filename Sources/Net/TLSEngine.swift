import COpenSSL

/// One side of a TLS connection without I/O: what the peer sent goes in, what is to be sent to it comes out. Never sees
/// a socket; OpenSSL works on two buffers in memory.
final class TLSEngine {
    enum Read {
        /// So many bytes of the buffer are filled.
        case bytes(Int)
        /// Nothing until the peer sends more.
        case needsPeerBytes
        /// The peer has said that nothing follows (RFC 8446 §6.1).
        case finished
        case failed(TLSFault)
    }

    /// Keeps its context alive, too.
    private let ssl: OpaquePointer
    /// From the peer, and to it. `ssl` owns both.
    private let input: OpaquePointer
    private let output: OpaquePointer
    private(set) var isHandshakeDone = false
    private var hasSaidGoodbye = false

    /// - Parameter serverName: client: the host that was dialled, told to the server in the clear (RFC 6066 §3); nil
    ///   for a numeric address.
    init(_ context: TLSContext, serverName: String? = nil) throws(TLSFault) {
        ERR_clear_error()
        guard let ssl = SSL_new(context.pointer) else { throw .last(during: "setting up") }
        guard let input = BIO_new(BIO_s_mem()), let output = BIO_new(BIO_s_mem()) else {
            SSL_free(ssl)
            throw .last(during: "setting up")
        }
        self.ssl = ssl
        self.input = input
        self.output = output
        SSL_set_bio(ssl, input, output)
        switch context.role {
        case .client:
            SSL_set_connect_state(ssl)
            if let serverName { _ = openssl_set_server_name(ssl, serverName) }
        case .server: SSL_set_accept_state(ssl)
        }
    }

    deinit { SSL_free(ssl) }

    /// Feeds what the peer sent. Call `handshake` or `read` afterwards, until they need more.
    func receive(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while !rest.isEmpty {
            // Memory takes all of it; the count is an `Int32`.
            let count = BIO_write(input, rest.baseAddress, Int32(clamping: rest.count))
            guard count > 0 else { return }
            rest = UnsafeRawBufferPointer(rebasing: rest[Int(count)...])
        }
    }

    /// Goes on with the handshake; true once it is done. Throws why it never will be: what the output holds then is
    /// the alert that tells the peer.
    func handshake() throws(TLSFault) -> Bool {
        guard !isHandshakeDone else { return true }
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        if result == 1 {
            isHandshakeDone = true
            return true
        }
        guard SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ else { throw .last(during: "the handshake failed") }
        return false
    }

    /// Decrypts what has arrived into `buffer`, as much as fits.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Read {
        ERR_clear_error()
        let count = SSL_read(ssl, buffer.baseAddress, Int32(clamping: buffer.count))
        if count > 0 { return .bytes(Int(count)) }
        switch SSL_get_error(ssl, count) {
        case SSL_ERROR_WANT_READ: return .needsPeerBytes
        case SSL_ERROR_ZERO_RETURN: return .finished
        default: return .failed(.last(during: "what the peer sent cannot be read"))
        }
    }

    /// Encrypts all of `bytes` into the output. False if the connection cannot go on.
    func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard !bytes.isEmpty else { return true }
        ERR_clear_error()
        // The output is memory, so nothing is ever taken in part.
        return SSL_write(ssl, bytes.baseAddress, Int32(clamping: bytes.count)) == Int32(clamping: bytes.count)
    }

    /// Tells the peer that nothing follows, once, so that it knows the end from a cut (RFC 8446 §6.1).
    func sayGoodbye() {
        guard isHandshakeDone, !hasSaidGoodbye else { return }
        hasSaidGoodbye = true
        ERR_clear_error()
        _ = SSL_shutdown(ssl)
        ERR_clear_error()
    }

    /// Bytes that wait to be sent to the peer.
    var outputCount: Int { openssl_pending(output) }

    /// Moves what waits to be sent into `bytes`, behind what is there.
    func takeOutput(into bytes: inout [UInt8]) {
        let count = outputCount
        guard count > 0 else { return }
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: count))
        let taken = bytes.withUnsafeMutableBytes {
            BIO_read(output, $0.baseAddress.map { $0 + start }, Int32(clamping: count))
        }
        bytes.removeLast(count - max(0, Int(taken)))
    }

    /// 32 bytes that both ends, and nobody else, can compute for this connection (`tls-exporter`, RFC 9266 §2). nil
    /// before the handshake is done.
    var exporter: [UInt8]? {
        guard isHandshakeDone else { return nil }
        let label = "EXPORTER-Channel-Binding"
        var bytes = [UInt8](repeating: 0, count: 32)
        let result = SSL_export_keying_material(ssl, &bytes, bytes.count, label, label.utf8.count, nil, 0, 0)
        ERR_clear_error()
        return result == 1 ? bytes : nil
    }

    /// The common name in the certificate that the peer showed and that was found good; nil without one. ASCII only,
    /// since it is compared with names that are.
    var peerName: String? {
        guard let certificate = SSL_get1_peer_certificate(ssl) else { return nil }
        defer { X509_free(certificate) }
        guard SSL_get_verify_result(ssl) == Int(X509_V_OK) else { return nil }
        var text = [CChar](repeating: 0, count: TLSEngine.nameBytesMax + 1)
        let count = X509_NAME_get_text_by_NID(
            X509_get_subject_name(certificate), NID_commonName, &text, Int32(text.count))
        guard count > 0, count <= TLSEngine.nameBytesMax else { return nil }
        let bytes = text.prefix(Int(count)).map { UInt8(bitPattern: $0) }
        guard bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// How long the certificate that the peer showed is still good, negative once it is not; nil without one.
    var peerSecondsLeft: Int64? {
        guard let certificate = SSL_get1_peer_certificate(ssl) else { return nil }
        defer { X509_free(certificate) }
        var (days, seconds): (Int32, Int32) = (0, 0)
        // ASN1_TIME_diff(3): no start means now.
        guard ASN1_TIME_diff(&days, &seconds, nil, X509_get0_notAfter(certificate)) == 1 else { return nil }
        return Int64(days) * 86_400 + Int64(seconds)
    }

    /// RFC 5280, appendix A: the upper bound of a common name.
    private static let nameBytesMax = 64
}
