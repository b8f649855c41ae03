import ArgumentParser
import Glibc
import TapioAgent

/// Which archive is read.
struct ArchiveOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The archive: its directory, one node=… in it, or one .parquet file. Default: $TAPIO_ARCHIVE_PATH, else the configuration's archive.path (\(AgentConfiguration().archive.path)).",
            valueName: "path"
        )
    )
    var archive: String?

    /// The archive's path. A configuration that is broken, or not readable for this user, must not keep anybody from
    /// reading an archive that is named.
    func path() throws -> String {
        if let archive { return archive }
        if let named = unsafe getenv("TAPIO_ARCHIVE_PATH"), unsafe named.pointee != 0 {
            return unsafe String(cString: named)
        }
        do {
            return try ConfigurationOptions.load().configuration.archive.path
        } catch {
            let fallback = AgentConfiguration().archive.path
            StandardError.warning(
                "the configuration cannot be read, so this is about \(fallback); name another with --archive"
            )
            return fallback
        }
    }
}
