// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace MicroIO::Detail {

// Intrusive circular lists: the first node's predecessor is the last node, so that a list is one pointer and
// appending takes no search. A node in no list has null links.

template<typename Node>
void appendCircular(Node *&first, Node *node, Node *Node::*previous, Node *Node::*next)
{
    if (!first) {
        first = node->*previous = node->*next = node;
        return;
    }
    Node *last = first->*previous;
    node->*previous = last;
    node->*next = first;
    last->*next = node;
    first->*previous = node;
}

template<typename Node>
void removeCircular(Node *&first, Node *node, Node *Node::*previous, Node *Node::*next)
{
    if (!(node->*next))
        return;
    if (node->*next == node) {
        first = nullptr;
    } else {
        node->*previous->*next = node->*next;
        node->*next->*previous = node->*previous;
        if (first == node)
            first = node->*next;
    }
    node->*previous = node->*next = nullptr;
}

} // namespace MicroIO::Detail
