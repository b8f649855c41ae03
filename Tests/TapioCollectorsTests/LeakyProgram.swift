import Glibc
import TapioTestSupport

/// A program that allocates as it is told, through its standard input, and answers when it is done.
final class LeakyProgram {
    /// The source: functions that are known by name in stacks. It allocates nothing for itself.
    private static let source = """
        #define _GNU_SOURCE
        #include <pthread.h>
        #include <stdint.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/prctl.h>
        #include <unistd.h>

        #define FAR __attribute__((noinline))
        static void *kept[1 << 20];
        static size_t used;
        static void keep(void *block) { kept[used++ & ((1 << 20) - 1)] = block; }

        FAR void leaky_one(void) { keep(malloc(1000)); }
        FAR void leaky_two(void) { keep(malloc(200)); }
        FAR void middle(void) { leaky_two(); }
        FAR void tidy(void) { free(malloc(777)); free(calloc(3, 5)); free(realloc(malloc(10), 20)); }
        FAR void leaky_calloc(void) { keep(calloc(25, 40)); }
        FAR void leaky_realloc(void) { keep(realloc(realloc(malloc(100), 3000), 5000)); }
        FAR void leaky_posix(void) { void *p = 0; if (posix_memalign(&p, 64, 4096) == 0) keep(p); }
        FAR void leaky_aligned(void) { keep(aligned_alloc(128, 1280)); }
        FAR void leaky_array(void) { keep(reallocarray(0, 30, 50)); }
        FAR void leaky_failing(void)
        {
            volatile size_t much = SIZE_MAX / 4;
            void *p = malloc(600);
            if (realloc(p, much) || malloc(much) || calloc(much, 8) || posix_memalign(&p, 64, much) == 0) abort();
            keep(p);
        }
        FAR void to_nothing(void) { void *volatile p = realloc(malloc(5000), 0); free(p); }
        FAR void drop(void) { while (used) free(kept[--used]); }
        FAR void *work(void *argument) { leaky_one(); return argument; }
        FAR void threads(void)
        {
            pthread_t thread;
            if (pthread_create(&thread, 0, work, 0) != 0) abort();
            pthread_join(thread, 0);
        }

        static const struct { const char *name; void (*call)(void); } calls[] = {
            {"one", leaky_one}, {"two", middle}, {"tidy", tidy}, {"calloc", leaky_calloc}, {"realloc", leaky_realloc},
            {"posix", leaky_posix}, {"aligned", leaky_aligned}, {"array", leaky_array}, {"failing", leaky_failing},
            {"nothing", to_nothing}, {"drop", drop}, {"threads", threads},
        };

        int main(int argc, char **argv)
        {
            char line[128];
            size_t length = 0;
            for (int i = 2; i < argc; i++) leaky_one();
            if (argc > 1 && write(1, "ok\\n", 3) != 3) return 1;
            while (read(0, line + length, 1) == 1) {
                if (line[length] != '\\n') { length = (length + 1) % 127; continue; }
                line[length] = 0;
                length = 0;
                char *space = strchr(line, ' ');
                long times = 1;
                if (space) { *space = 0; times = atol(space + 1); }
                if (strcmp(line, "become") == 0) { execl(space + 1, "again", "again", (char *)0); return 1; }
                if (strcmp(line, "name") == 0) prctl(PR_SET_NAME, space + 1);
                if (strcmp(line, "exit") == 0) return 0;
                for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
                    if (strcmp(line, calls[i].name) == 0) for (long n = 0; n < times; n++) calls[i].call();
                if (write(1, "ok\\n", 3) != 3) return 1;
            }
            return 0;
        }
        """

    /// Compiles it into `directory` under that name: what its processes are called.
    static func build(
        _ name: String,
        in directory: TemporaryDirectory,
        with compiler: [String] = ["clang"]
    ) throws -> String {
        let path = directory.file(name)
        TestFile.write(directory.file("leaky.c"), source)
        try InteractiveProcess.run(
            compiler + [
                "-O0", "-g0", "-fno-omit-frame-pointer", "-pthread", "-w", "-o", path, directory.file("leaky.c"),
            ]
        )
        return path
    }

    private let process: InteractiveProcess
    var pid: Int32 { process.pid }

    /// Starts the program; `arguments` of it beyond the first make it leak once each at its start.
    init(_ arguments: [String]) throws {
        process = try InteractiveProcess(arguments)
    }

    /// Makes it do something so many times, and waits until it has.
    func call(_ name: String, _ times: Int = 1) {
        process.write("\(name) \(times)")
        answer()
    }

    /// Sends a line as it is.
    func send(_ line: String) { process.write(line) }

    /// Waits until it says that it is done.
    func answer() { precondition(process.readLine() == "ok", "the program ended too early") }

    /// Ends it, and waits for that.
    func end() {
        process.write("exit")
        _ = process.wait()
    }
}
