/// Where accepted files go unless somebody says otherwise.
package struct DownloadFolder: Equatable, Sendable {
    /// nil if nothing says where.
    package let path: String?

    /// `$XDG_DOWNLOAD_DIR`, what the setup says, or `~/Downloads`. Relative paths of the environment count as absent, as
    /// in the XDG Base Directory Specification; `~/` in the setup is the home folder.
    package init(chosen: String?, environment: (String) -> String?) {
        let home = environment("HOME").flatMap { $0.hasPrefix("/") ? $0 : nil }
        if let path = environment("XDG_DOWNLOAD_DIR"), path.hasPrefix("/") {
            self.path = path
        } else if let chosen {
            path = DownloadFolder.expand(chosen, home: home)
        } else {
            path = home.map { $0 + "/Downloads" }
        }
    }

    /// A path as people write it: `~/` is the home folder.
    package static func expand(_ path: String, home: String?) -> String {
        guard let home, path.hasPrefix("~/") else { return path }
        return home + path.dropFirst(1)
    }
}
