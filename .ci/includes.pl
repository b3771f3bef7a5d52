#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Reads the names of the files of src/, a line each, and prints each include that points the wrong way.
#
# The folders of src/ stand in an order: a file may include from its own folder and those before it. A header is named
# as <MicroIO/CamelName> (the lists of src/**/CMakeLists.txt tell its folder), <MicroIO/folder/header.h> or
# "folder/header.h". Installed headers name ours in the first two ways only, and never a private one.
use strict;
use warnings;

my @order = qw(loop scopes tasks sync channels requests services supervision status testing);
my %rank = map { $order[$_] => $_ } 0 .. $#order;
my %of_the_root = map { $_ => 1 } qw(Version microio_export.h microio_test_export.h version.h);    # may be included by all

my (%folder_of, %umbrella, %installed);
for my $list (glob("src/CMakeLists.txt src/*/CMakeLists.txt")) {
    open(my $in, '<', $list) or die "$list: $!\n";
    my ($base) = $list =~ m{^src/(.*)CMakeLists\.txt$};
    my $text = do { local $/; <$in> };
    $text =~ s/#.*//g;
    while ($text =~ /microio_public_headers\s*\(([^)]*)\)/g) {
        my @words = split ' ', $1;
        for my $i (0 .. $#words) {
            $umbrella{ $words[ $i + 1 ] } = 1 if $words[$i] eq 'UMBRELLA';
            next unless $words[$i] =~ /^(\S+\.h)(?:=(\w+))?$/;
            my ($header, $camel) = ("$base$1", $2);
            $installed{"src/$header"} = 1;
            $folder_of{$camel} = $header =~ m{^(\w+)/} ? $1 : '' if defined $camel;
        }
    }
}

my $files = 0;
while (my $file = <STDIN>) {
    chomp $file;
    ++$files;
    my $folder = $file =~ m{^src/(\w+)/} ? $1 : '';
    my $here = $folder eq '' ? -1 : $rank{$folder};
    if (!defined $here) {
        print "$file: src/$folder/ has no place in the order (@order)\n";
        next;
    }
    open(my $in, '<', $file) or die "$file: $!\n";
    while (my $line = <$in>) {
        next unless $line =~ /^\s*#\s*include\s*([<"])([^>"]+)[>"]/;
        my ($bracket, $name) = ($1, $2);
        my $wrong = sub { print "$file:$.: $name: $_[0]\n" };
        my $target;    # the folder that it comes from
        if ($name =~ m{^MicroIO/(.+)$}) {
            my $header = $1;
            next if $of_the_root{$header};
            if ($umbrella{$header}) {
                $wrong->("the library itself includes only what it needs, by name");
                next;
            }
            $target = $header =~ m{^(\w+)/} ? $1 : $folder_of{$header};
            if (!defined $target) {
                $wrong->("no microio_public_headers() names it");
                next;
            }
        } elsif ($bracket eq '"' && $name !~ /\.moc$|^moc_/) {
            if ($installed{$file}) {
                $wrong->("an installed header includes ours as <MicroIO/...>");
                next;
            }
            if ($name =~ m{^(\w+)/}) {
                $target = $1;
            } elsif ($name =~ m{/}) {
                $wrong->("write it from src/ on: \"folder/header.h\"");
                next;
            } else {
                next;    # beside this file
            }
        } else {
            next;        # Qt, QCoro, the standard library
        }
        if ($installed{$file} && $name =~ /_p\.h$/) {
            $wrong->("a private header in an installed one");
        }
        next if $target eq '';
        if (!defined $rank{$target}) {
            $wrong->("src/$target/ has no place in the order (@order)");
        } elsif ($rank{$target} > $here) {
            $wrong->(($folder eq '' ? 'src/' : "src/$folder/") . " stands before src/$target/");
        }
    }
}
die "no files were given\n" unless $files;
