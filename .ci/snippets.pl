#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# snippets.pl FILE...: what a document shows of the tree's sources is what stands there, and thereby compiled and run.
#
# A line "<!-- as in PATH -->" says that the next code block is taken from the file PATH: its lines stand there one after the
# other, indented as it may be; a line "…" stands for any number of lines. Prints what does not, a line each.
use strict;
use warnings;
use utf8;
use open qw(:std :encoding(UTF-8));

sub lines_of
{
    my ($path) = @_;
    open(my $file, '<', $path) or return;
    return map { s/^\s+|\s+$//gr } <$file>;
}

# True if all of @$part stands in @$whole at $at.
sub stands_at
{
    my ($whole, $at, $part) = @_;
    return 0 if $at + @$part > @$whole;
    for my $i (0 .. $#$part) {
        return 0 if $whole->[$at + $i] ne $part->[$i];
    }
    return 1;
}

sub check
{
    my ($where, $path, @block) = @_;
    my @whole = lines_of($path);
    if (!@whole) {
        print "$where: there is no $path\n";
        return;
    }
    my @parts = ([]);
    for my $line (@block) {
        if ($line eq '…') { push @parts, []; } else { push @{$parts[-1]}, $line; }
    }
    my $at = 0;
    for my $part (grep { @$_ } @parts) {
        $at++ while $at <= $#whole && !stands_at(\@whole, $at, $part);
        if ($at > $#whole) {
            print "$where: not so in $path: $part->[0]\n";
            return;
        }
        $at += @$part;
    }
}

for my $document (@ARGV) {
    my ($path, $where, @block);
    my $is_inside = 0;
    my $number = 0;
    for my $line (lines_of($document)) {
        ++$number;
        if ($line =~ /^<!-- as in (\S+) -->$/) {
            print "$where: no code follows\n" if defined $path;
            ($path, $where, @block) = ($1, "$document:$number");
        } elsif (defined $path && $line =~ /^```/) {
            if ($is_inside) {
                check($where, $path, @block);
                undef $path;
            }
            $is_inside = !$is_inside;
        } elsif ($is_inside) {
            push @block, $line;
        }
    }
    print "$where: no code follows\n" if defined $path;
}
