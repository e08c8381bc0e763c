#!/bin/sh
# Fetch Apache Kafka's jars into .kafka/jars, once, and compare each with the digest that jars.sha256 names for it.
# Java 17 or later, Maven, openssl and kcat are installed where they are missing. Interrupted at any point, it is simply run again.
set -eu

here=infra/kafka
cache=.kafka
copy=org.apache.maven.plugins:maven-dependency-plugin:3.11.0:copy-dependencies

say() { printf '%s\n' "$*" >&2; }

java_is_new_enough() {
    command -v java >/dev/null 2>&1 || return 1
    major=$(java -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java.specification.version = \([0-9]*\).*/\1/p')
    [ "${major:-0}" -ge 17 ]
}

missing=
java_is_new_enough || missing=openjdk-17-jre-headless
command -v mvn >/dev/null 2>&1 || missing="$missing maven"
# For the certificates of the broker that the tests run with TLS.
command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
# A client of another make, to look at topics with; the tests compare what it sees with what ours sees.
command -v kcat >/dev/null 2>&1 || missing="$missing kcat"
if [ -n "$missing" ]; then
    if ! command -v apt-get >/dev/null 2>&1; then
        say "Kafka's broker needs Java 17 or later, Maven, openssl and kcat. Install them and try again."
        exit 1
    fi
    # Debian names its Java by its number: take 17 where there is one, otherwise the default, which is later.
    if [ "$(id -u)" -ne 0 ]; then
        say "Kafka's broker needs Java 17 or later, Maven, openssl and kcat. Install what is missing, and try again:"
        say "  sudo apt-get update && sudo apt-get install --yes $missing"
        say "  (where there is no openjdk-17-jre-headless: default-jre-headless)"
        exit 1
    fi
    apt-get update -qq
    if ! java_is_new_enough && ! apt-cache show openjdk-17-jre-headless >/dev/null 2>&1; then
        missing=$(printf '%s' "$missing" | sed 's/openjdk-17-jre-headless/default-jre-headless/')
    fi
    say "Installing $missing ..."
    # shellcheck disable=SC2086 # one word per package
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends $missing >/dev/null
    java_is_new_enough || { say "The Java on PATH is older than 17: put a later one first."; exit 1; }
fi

say "Fetching Apache Kafka's jars (54 MB, once) ..."
rm -rf "$cache/jars.new"
mkdir -p "$cache"
mvn --batch-mode --quiet -Dstyle.color=never --file "$here/pom.xml" "$copy" "-DoutputDirectory=$PWD/$cache/jars.new" >&2
( cd "$cache/jars.new" && sha256sum --check --quiet --strict "../../$here/jars.sha256" >&2 ) || {
    say "What was fetched is not what $here/jars.sha256 names. After a wanted change of pom.xml, write it anew:"
    say "  (cd $cache/jars.new && sha256sum *.jar) > $here/jars.sha256"
    exit 1
}
# A jar that no digest is named for is not run.
if [ "$(ls "$cache/jars.new" | wc -l)" -ne "$(wc -l < "$here/jars.sha256")" ]; then
    say "Maven fetched jars that $here/jars.sha256 does not name; see above how to write it anew."
    exit 1
fi
rm -rf "$cache/jars"
mv "$cache/jars.new" "$cache/jars"
