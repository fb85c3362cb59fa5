import Wire

extension Setup {
    /// What this node shows under TLS, and what it asks of clients.
    package struct TLS: Hashable, Sendable {
        /// nil for the certificate that the node makes itself.
        package let certificatePath: String?
        /// Those whose certificates clients have to show; nil if none are asked for.
        package let clientIssuersPath: String?
        package let requiresClientTLS: Bool

        /// The certificate in the data folder.
        package static let ownFile = "tls.pem"

        init(_ reader: SetupReader, file: String) throws(SetupError) {
            certificatePath = try reader.path(SetupKey.certificate.rawValue).map { Setup.path($0, beside: file) }
            clientIssuersPath = try reader.path(SetupKey.clientIssuers.rawValue).map { Setup.path($0, beside: file) }
            let isRequired = try reader.read(SetupKey.requiresClientTLS.rawValue) { object throws(Refusal) in
                try object.flag(SetupKey.requiresClientTLS.rawValue)
            }
            // Without TLS there are no certificates, so asking for them asks for TLS.
            requiresClientTLS = isRequired || clientIssuersPath != nil
        }
    }
}
