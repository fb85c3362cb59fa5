import Glibc

/// What people see of the file system while they type.
enum Folder {
    /// The names in a folder; those of folders end with a slash. Nothing if it cannot be read.
    static func names(_ path: String) -> [String] {
        let folder = expanded(path.isEmpty ? "./" : path)
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while names.count < namesMax, let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: pointer.pointee)) {
                    String(cString: $0)
                }
            }
            if name == "." || name == ".." { continue }
            var status = stat()
            let isFolder = stat(folder + "/" + name, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
            names.append(isFolder ? name + "/" : name)
        }
        return names
    }

    /// A typed `~/` is the home folder: no shell has seen the line.
    static func expanded(_ path: String) -> String {
        DownloadFolder.expand(path, home: getenv("HOME").map { String(cString: $0) })
    }

    static func expanded(_ command: Command) -> Command {
        switch command {
        case .file(let to, let path, let id): .file(to: to, path: expanded(path), id: id)
        case .accept(let file, let path?): .accept(file, path: expanded(path))
        default: command
        }
    }

    /// Nobody completes among more.
    private static let namesMax = 10_000
}
