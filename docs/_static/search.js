/* The site's search: Sphinx's own, which needs no server, with the subject of each page put before the words on it. */

/** What a page is about, in the words of those who look for it; the first page that fits best is shown first. */
const SUBJECTS = {
  'lessons/1_one_weight/10_nudge': 'what is a gradient, derivative, slope, nudge, what is a derivative',
  'lessons/1_one_weight/20_forward_pass': 'forward pass, computation graph, computational graph, loss function',
  'lessons/1_one_weight/30_local_gradients': 'local gradient, local derivative, partial derivative',
  'lessons/1_one_weight/40_backward_pass':
    'chain rule, backpropagation, how does backpropagation work, backward pass, backprop, upstream gradient',
  'lessons/1_one_weight/50_forks':
    'gradients add up, gradient accumulation, why are gradients summed, multivariable chain rule, branches, fork',
  'lessons/2_descent/10_parabola':
    'gradient descent, learning rate, learning rate too high, learning rate too large, step size, loss diverges',
  'lessons/2_descent/20_weight_vector': 'gradient vector, steepest descent, contour plot, dot product, several weights',
  'lessons/2_descent/30_line_by_hand': 'linear regression, mean squared error, mse derivative, bias, fit a line',
  'lessons/2_descent/40_line_with_autograd': 'autograd, loss.backward, requires_grad, training loop, autograd tutorial',
  'lessons/2_descent/50_loss_and_optimizer': 'optimizer, optimizer.step, SGD, MSELoss, loss function pytorch',
  'lessons/2_descent/60_module': 'nn.Module, nn.Linear, parameters, state_dict, pytorch model',
  'lessons/2_descent/70_momentum': 'momentum, nesterov, velocity, oscillation',
  'lessons/3_xor/05_layer': 'sigmoid derivative, activation function, layer, matrix product, weight matrix',
  'lessons/3_xor/10_one_step': 'neural network, relu derivative, multilayer perceptron, MLP, two layers, hidden layer',
  'lessons/3_xor/20_trained': 'xor neural network, xor, train a network, decision boundary, hidden units, stochastic',
  'lessons/3_xor/30_thousand_starts':
    'weight initialization, random seed, local minimum, symmetry breaking, initial weights',
  'lessons/4_batches/10_batches': 'mini-batch, batch, batch size, broadcasting, shape of the gradient, sum over batch',
  'lessons/4_batches/20_is_it_right':
    'gradient check, gradcheck, finite difference, numerical gradient, check my gradient, central difference',
  'lessons/4_batches/30_softmax':
    'softmax derivative, cross entropy gradient, logits, log softmax, classification loss',
  'lessons/4_batches/95_digits': 'mnist, handwritten digits, classifier, image classification, test accuracy',
  'lessons/5_real_layers/10_line_by_line': 'manual backpropagation, backprop by hand, mlp backward, exercise by hand',
  'lessons/5_real_layers/20_normalise': 'batch norm backward, batchnorm, layer norm, normalization, normalisation',
  'lessons/5_real_layers/30_slide_a_window': 'convolution backward, conv2d, CNN, max pooling, convolutional network',
  'lessons/5_real_layers/40_attend': 'attention backward, self attention, embedding, query key value, attention',
  'lessons/5_real_layers/50_transformer': 'transformer, gpt, residual connection, language model',
  'lessons/6_training/10_which_way_down':
    'adam optimizer, adam, adamw, rmsprop, weight decay, learning rate schedule, cosine, noise of a batch',
  'lessons/6_training/20_is_it_healthy':
    'overfitting, dropout, loss at the start, overfit one batch, update ratio, training and validation loss, checklist',
  'lessons/6_training/30_what_it_costs':
    'flops, memory of training, cost of the backward pass, gradient checkpointing, out of memory, multiplications',
  'lessons/7_inside/40_tiny_engine':
    'build my own autograd engine, micrograd, build autograd from scratch, autodiff, topological sort',
  'lessons/7_inside/50_autograds_life': 'leaf tensor, grad_fn, saved tensors, is_leaf, dynamic graph, in-place',
  'lessons/7_inside/55_memory': 'detach, gradient checkpointing, out of memory, memory of training, stop gradient',
  'lessons/7_inside/60_own_backward': 'custom autograd function, torch.autograd.Function, save_for_backward, ctx',
  'lessons/7_inside/70_shared_weights':
    'RNN, recurrent network, LSTM, backpropagation through time, BPTT, weight sharing',
  'lessons/7_inside/80_no_gradient': 'straight-through estimator, argmax, quantization, non-differentiable, rounding',
  'lessons/7_inside/90_why_reverse': 'forward mode, reverse mode, jvp, vjp, jacobian vector product, jacobian',
  'lessons/7_inside/93_slopes_of_slopes':
    'second derivative, double backward, create_graph, hessian vector product, curvature, gradient penalty',
  'lessons/7_inside/96_own_recorder': 'function mode, torch function mode, register hook, print gradients, trace calls',
  'lessons/8_clinic/10_not_zeroed':
    'zero_grad, forgot zero_grad, optimizer.zero_grad, loss oscillates, gradients pile up',
  'lessons/8_clinic/20_sum_for_mean': 'exploding gradient, loss explodes, loss is inf, loss is nan, loss becomes nan',
  'lessons/8_clinic/30_not_a_leaf': 'gradient is None, grad is None, non-leaf tensor, NoneType, retain_grad',
  'lessons/8_clinic/40_data': 'silently wrong gradient, .data, slow training, numpy, torch.from_numpy',
  'lessons/8_clinic/50_missing_squeeze':
    'squeeze, broadcasting bug, predicts the mean, same output, constant prediction',
  'lessons/8_clinic/60_detached': 'no_grad, no grad_fn, loss does not require grad, item, graph is cut',
  'lessons/8_clinic/65_second_batch': 'retain_graph, hidden state, second backward, carry state, truncated bptt',
  'lessons/8_clinic/70_symmetric_or_dead': 'dead relu, dying relu, dead neuron, plateau, symmetric weights, stuck loss',
  'lessons/8_clinic/80_vanishing':
    'vanishing gradient, deep network, saturated sigmoid, xavier, kaiming, skip connection',
  'lessons/8_clinic/90_fine_tuning': 'fine-tuning, freeze layers, transfer learning, loss does not change, new head',
  'concepts/chain_rule': 'chain rule, chain rule of calculus, sum over paths, proof of backpropagation',
  'concepts/matrix_calculus':
    'matrix calculus, matrix multiplication gradient, transpose, shapes backward, jacobian, derivative of a matrix',
  'concepts/how_recording_works':
    'what does loss.backward do, hooks, how does autograd work, torch dispatch, internals',
  'playground/code': 'type your own code, try online, run pytorch in the browser, visualize my code',
  'playground/descent': 'adam optimizer, adam, rmsprop, compare optimizers, loss surface, saddle point, adagrad',
  'playground/xor': 'train xor in the browser, tensorflow playground, interactive network',
  'playground/practice': 'exercises, practice, quiz, drill, questions',
  'how-to/install': 'install, pip install, download the lessons, run in jupyter, run a lesson, colab, offline',
  'how-to/graph': 'embed a graph, jupyter notebook, save as html, web page',
  'how-to/many_machines':
    'distributed training, DDP, multi gpu, multiple gpus, all-reduce, data parallel, torchrun, FSDP',
  'how-to/mistakes': 'write a tutorial, errors in tutorials, common mistakes',
  'how-to/model':
    'computation graph, see the computation graph, visualize a model, torchviz, gradients of hidden layers',
  'how-to/slides': 'slides, powerpoint, latex, export svg, pdf figure',
  'how-to/symptoms':
    'model does not learn, loss does not decrease, not converging, debugging, loss is not going down, bad accuracy',
  'how-to/teach': 'teach, teaching, lecture, course, syllabus, lab, lesson plan, slides for teaching',
  'how-to/why': 'gradient is zero, gradient is None, gradient is nan, why, find nan, detect anomaly, lightning',
  'how-to/lesson': 'write a lesson, contribute, new lesson',
  'reference/bibliography': 'references, books, papers, further reading, videos',
  'reference/causes#cause-clipped-too-late': 'gradient clipping, clip_grad_norm, clip gradients',
  'reference/errors': 'error message, RuntimeError, warning, exception',
  'reference/glossary': 'glossary, definition, notation, terms',
  'reference/performance': 'performance, overhead, how slow, benchmark, speed',
  'reference/api': 'api, chainrule.record, functions, documentation',
};

/** Words that ask and do not say what for. */
const FILLER = new Set(
  'a an and are can did do does for from get how i in is it my of on the to what when why'.split(' '),
);

{
  const sphinx = Search._performSearch;

  /** The stems of what is asked for; all of its words when none of them says more. */
  const stems = (text) => {
    const words = splitQuery(text.toLowerCase());
    const telling = words.filter((word) => !FILLER.has(word));
    const stemmer = new Stemmer();
    return new Set((telling.length ? telling : words).map((word) => stemmer.stemWord(word)));
  };

  /** How far two sets of words are the same, from 0 to 1. */
  const likeness = (a, b) => (2 * [...a].filter((word) => b.has(word)).length) / (a.size + b.size);

  /** A result as Sphinx has it: page, title, anchor, description, score, file, kind. */
  const result = (place, score, name) => {
    const [page, anchor] = place.split('#');
    const index = Search._index.docnames.indexOf(page);
    const title = name ?? Search._index.titles[index];
    return [page, title, anchor ? '#' + anchor : '', null, score, Search._index.filenames[index], 'title'];
  };

  /** The entries whose message is in what was asked, or holds it: a message is pasted with more around it. */
  const messages = (query) =>
    Object.entries(Search._index.alltitles).flatMap(([title, places]) => {
      const [asked, heading] = [query, title].map((text) => splitQuery(text.toLowerCase()).join(' '));
      const fits =
        heading.split(' ').length > 3 && (asked.includes(heading) || (asked.includes(' ') && heading.includes(asked)));
      return places
        .filter(([page]) => fits && Search._index.docnames[page] === 'reference/errors')
        .map(([, id]) => result(`reference/errors${id ? '#' + id : ''}`, 2 + heading.length / 1000, title));
    });

  Search._performSearch = (query, terms, excluded, highlighted, objects) => {
    const asked = stems(query);
    const subjects = Object.entries(SUBJECTS)
      .map(([place, said]) => [place, Math.max(...said.split(', ').map((each) => likeness(asked, stems(each))))])
      .filter(([place, score]) => score > 0.6 && Search._index.docnames.includes(place.split('#')[0]))
      .map(([place, score]) => result(place, score));
    const first = [...messages(query), ...subjects].sort((a, b) => b[4] - a[4]);
    const telling = new Set([...terms].filter((term) => asked.has(term)));
    const found = sphinx(query, telling.size ? telling : terms, excluded, highlighted, objects).reverse();
    const named = new Set(first.map((each) => each[0] + each[2]));
    const rest = found.filter((each) => !named.has(each[0] + each[2]));
    const ofCode = (each) => each[0] === 'reference/api' || each[0].startsWith('_modules/');
    return [...first, ...rest.filter((each) => !ofCode(each)), ...rest.filter(ofCode)].reverse(); // the best one last
  };
}
