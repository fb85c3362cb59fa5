import COpenSSL

/// Why TLS could not be set up, or why a connection under it ended. The text may be shown and logged.
package struct TLSFault: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Sendable {
        /// The other side answered with something else than TLS.
        case notTLS
        /// One side asked for a certificate of the other, which showed none, or one that it does not take.
        case certificateRefused
        /// The peer, or our own library, ended the handshake or the connection for another reason.
        case failed
        /// Of our own: the certificate, the key or the list of issuers cannot be used.
        case unusable
    }

    package let kind: Kind
    package let text: String

    package init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }

    package var description: String { "TLS: \(text)" }

    /// The oldest error that the library has queued on this thread, which is the cause of those behind it. Empties
    /// the queue.
    static func last(during act: String) -> TLSFault {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0 else { return TLSFault(.failed, "\(act) failed") }
        let reason = openssl_error_reason(code)
        let words = ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(reason)"
        return TLSFault(kind(ofReason: reason), "\(act): \(words)")
    }

    private static func kind(ofReason reason: Int32) -> Kind {
        switch reason {
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST: .notTLS
        case SSL_R_CERTIFICATE_VERIFY_FAILED, SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
            SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,
            SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,
            SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, SSL_R_TLSV1_ALERT_UNKNOWN_CA:
            .certificateRefused
        default: .failed
        }
    }
}
